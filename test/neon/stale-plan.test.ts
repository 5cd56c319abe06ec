import { DatabaseError } from '@neondatabase/serverless'
import t from 'tap'
import { isStalePlan, saysStalePlan, saysStaleTypes } from '../../src/neon/stale-plan.ts'

const answer = (code: string, routine?: string) =>
  Object.assign(new DatabaseError('in the words of the server', 0, 'error'), { code, routine })

t.test('a plan is stale', async t => {
  t.test('when the server cannot execute the prepared statement any more', async t => {
    t.equal(isStalePlan(answer('0A000', 'RevalidateCachedQuery')), true)
    t.equal(isStalePlan(answer('26000', 'FetchPreparedStatement')), true)
    t.equal(isStalePlan(new Error('around it', { cause: answer('26000', 'FetchPreparedStatement') })), true)
    t.equal(saysStalePlan('RevalidateCachedQuery'), true)
  })

  t.test('and not when something else is missing or wrong', async t => {
    t.equal(isStalePlan(answer('0A000', 'ExecuteTruncateGuts')), false)
    t.equal(isStalePlan(answer('0A000')), false)
    t.equal(isStalePlan(new Error('no answer of the server')), false)
    t.equal(saysStalePlan(undefined), false)
  })
})

t.test('types may be stale when a value or an operator does not fit', async t => {
  for (const sqlState of ['22003', '22007', '22008', '22P02', '22P03', '42804', '42883'])
    t.equal(saysStaleTypes(sqlState), true, sqlState)
  for (const sqlState of [undefined, '22012', '23505', '40001', '57014', '0A000'])
    t.equal(saysStaleTypes(sqlState), false, String(sqlState))
})
