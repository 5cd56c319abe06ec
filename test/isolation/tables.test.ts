import t from 'tap'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { administer } from '../support/postgres.ts'
import { breachesOf, tablesOf } from './tables.ts'

const { pool, databaseUrl } = await openPool(t)

for (const table of await tablesOf(databaseUrl)) {
  t.test(`H1 H2 H3 H4 H12 rows of ${table} are reached by their owner alone`, async t => {
    t.strictSame(await breachesOf(table, databaseUrl, pool), [])
  })
}

t.test('a table that leaks is found', async t => {
  for (const [statement, breach] of [
    ['alter table tasks no force row level security', 'its owner is not bound by its policies'],
    ['alter table tasks disable row level security', 'bob reads the rows of alice'],
    ['create policy all_read on tasks for select using (true)', 'nobody reads the rows of alice'],
    ['grant truncate on tasks to app_user', 'bob empties the rows of alice']
  ] as const) {
    const leaking = await openPool(t)
    await administer(statement, leaking.databaseUrl)
    const breaches = await breachesOf('tasks', leaking.databaseUrl, leaking.pool)
    t.ok(breaches.includes(breach), `${statement}: ${breaches.join('; ')}`)
  }
  t.strictSame(await breachesOf('notes', databaseUrl, pool), ['nobody has said how a row of it is made'])
})
