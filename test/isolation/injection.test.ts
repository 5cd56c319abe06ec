/**
 * What somebody who can run SQL as the role of the service can do and cannot: docs/explanation/security.md, "What SQL injection could do".
 */
import pg from 'pg'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../support/postgres.ts'

/** A transaction of alice, whose statements are what somebody else wrote. */
async function inject(t: Test, databaseUrl: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  t.teardown(() => client.end())
  return async (statement: string) => {
    await client.query("begin; set local role app_user; select set_config('app.user_id', 'alice', true)")
    try {
      // Of the last one, when there are several.
      return [await client.query<Record<string, unknown>>(statement)].flat().at(-1)?.rows
    } catch (error) {
      if (error instanceof pg.DatabaseError) return error.code
      throw error
    } finally {
      await client.query('rollback')
    }
  }
}

t.test('SQL as app_user', async t => {
  const databaseUrl = await createDatabase(t)
  await administer(
    `insert into tasks (owner, title) select case when n % 10 = 0 then 'alice' else 'bob' end, 'of bob'
     from generate_series(1, 1000) n; analyze tasks`,
    databaseUrl
  )
  const run = await inject(t, databaseUrl)

  for (const [what, statement] of Object.entries({
    'a temporary table in front of the real one': 'create temporary table tasks ()',
    'a table': 'create table public.x ()',
    'a function': "create function public.lower(varchar) returns text language sql as 'select 1'",
    'a schema with its own name': 'create schema app_user',
    'an extension': 'create extension dblink',
    'another owner of a row': "update tasks set owner = 'alice'",
    'an empty table': 'truncate tasks',
    'a table without policies': 'alter table tasks disable row level security',
    'the answers to others': 'delete from idempotency_keys',
    'the statistics of all rows': 'select * from pg_statistic',
    passwords: 'select * from pg_authid',
    files: "select pg_read_file('PG_VERSION')",
    programs: "copy tasks to program 'true'",
    'a file as a large object': "select lo_import('/etc/passwd')"
  }))
    t.test(`gets no further: ${what}`, async t => {
      t.equal(await run(statement), '42501', 'insufficient privilege')
    })

  t.test('sees nothing of others without their claim, neither rows nor their statistics', async t => {
    t.strictSame(await run("select count(*)::int from tasks where owner = 'bob'"), [{ count: 0 }])
    t.strictSame(await run("select * from pg_stats where tablename in ('tasks', 'idempotency_keys')"), [])
    t.strictSame(
      await run(
        "select query from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()"
      ),
      []
    )
  })

  t.test(
    'reaches the rows of others by their claim, and those of all by the rights of the login',
    async t => {
      const count = 'select count(*)::int from tasks'

      t.strictSame(await run(count), [{ count: 100 }])
      t.strictSame(await run(`select set_config('app.user_id', 'bob', true); ${count}`), [{ count: 900 }])
      t.strictSame(await run(`select set_config('role', 'none', true); ${count}`), [{ count: 1000 }])
    }
  )

  t.test('learns of the values of others from estimates', async t => {
    const estimateOf = async (owner: string) => {
      const plan = JSON.stringify(await run(`explain select from tasks where owner = '${owner}'`))
      return Number(/rows=(\d+)/.exec(plan)?.[1])
    }

    t.ok((await estimateOf('bob')) > (await estimateOf('nobody')))
  })
})
