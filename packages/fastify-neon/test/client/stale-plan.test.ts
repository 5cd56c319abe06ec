import { DatabaseError } from '@neondatabase/serverless'
import t from 'tap'
import {
  isStalePlan,
  saysNameIsLost,
  saysStalePlan,
  saysStaleTypes,
  suspectOf
} from '../../src/client/stale-plan.ts'

const answer = (code: string, routine?: string) =>
  Object.assign(new DatabaseError('in the words of the server', 0, 'error'), { code, routine })

t.test('a plan is stale', async t => {
  t.test('when the server cannot execute the prepared statement any more', async t => {
    t.equal(isStalePlan(answer('0A000', 'RevalidateCachedQuery')), true)
    t.equal(isStalePlan(answer('26000', 'FetchPreparedStatement')), true)
    t.equal(isStalePlan(new Error('around it', { cause: answer('26000', 'FetchPreparedStatement') })), true)
    t.equal(saysStalePlan({ routine: 'RevalidateCachedQuery' }), true)
  })

  t.test('and not when something else is missing or wrong', async t => {
    t.equal(isStalePlan(answer('0A000', 'ExecuteTruncateGuts')), false)
    t.equal(isStalePlan(answer('0A000')), false)
    t.equal(isStalePlan(new Error('no answer of the server')), false)
    t.equal(saysStalePlan({}), false)
  })
})

t.test('types may be stale when a value or an operator does not fit', async t => {
  for (const sqlState of ['22003', '22007', '22008', '22P02', '22P03', '42804', '42883'])
    t.equal(saysStaleTypes({ code: sqlState }), true, sqlState)
  for (const sqlState of [undefined, '22012', '23505', '40001', '57014', '0A000', '42501', '42703'])
    t.equal(saysStaleTypes({ code: sqlState }), false, String(sqlState))
})

t.test('a name is lost', async t => {
  const NAME = 'fastify-neon-name'

  t.test('when the session has no statement of it, or one of somebody else', async t => {
    const missing = { code: '26000', message: `prepared statement "${NAME}" does not exist` }
    const taken = { code: '42P05', message: `prepared statement "${NAME}" already exists` }
    t.equal(saysNameIsLost(missing, NAME), true)
    t.equal(saysNameIsLost(taken, NAME), true)
    t.equal(saysNameIsLost({ code: '08P01', message: 'prepared statement did not exist' }, NAME), true)
  })

  t.test('and not when the error is of another one', async t => {
    const ofPooler = { code: '26000', message: 'prepared statement "PGBOUNCER_7" does not exist' }
    const ofCaller = { code: '42P05', message: 'prepared statement "own" already exists' }
    t.equal(saysNameIsLost(ofPooler, NAME), false, 'PgBouncer prepares under names of its own')
    t.equal(saysNameIsLost(ofCaller, NAME), false)
    t.equal(saysNameIsLost({ code: '08P01', message: 'invalid message format' }, NAME), false)
    t.equal(saysNameIsLost({}, NAME), false)
  })
})

t.test('a pipeline is suspected of old types', async t => {
  const reused = { name: 'fastify-neon-name', text: 'select $1' }

  t.strictSame(suspectOf({ reused }, answer('22P02')), reused)
  t.equal(
    suspectOf({ reused: undefined }, answer('22P02')),
    undefined,
    'it was prepared for the tables as they are'
  )
  t.equal(suspectOf({ reused }, answer('23505')), undefined)
  t.equal(suspectOf({ reused }, new Error('no answer of the server')), undefined)
})
