import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer } from '../../../../test/support/postgres.ts'
import { start } from '../../../local-neon/test/fixtures/sandbox.ts'
import { AUTHENTICATED, scriptedServer } from '../support/scripted-server.ts'
import { apply, makeFolder, tablesIn } from './folders.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
const MIGRATIONS = { applicationName: 'fastify-neon-migrations' }

async function createDatabase(): Promise<string> {
  const name = `link_${randomBytes(6).toString('hex')}`
  await administer(`create database ${name}`, neon.url)
  return Object.assign(new URL(neon.url), { pathname: `/${name}` }).href
}

/** A run whose link is reset while its statement is under way. */
async function breakAt(underWay: string, url: string, folder: string) {
  const run = apply(url, folder)
  run.catch(() => {})
  await until(async () => (await administer(underWay, url)).length === 1)
  neon.inject({ type: 'reset', where: MIGRATIONS })
  return run
}

t.test('a run whose link', async t => {
  t.test('cannot be made says why', async t => {
    await t.rejects(apply('postgresql://me:local@127.0.0.1:1/neondb', makeFolder(t, [])), {
      code: 'FST_NEON_UNREACHABLE'
    })
  })

  t.test('has no valid URL says what is wrong with it', async t => {
    await t.rejects(apply('mysql://me:s3cr3t@localhost/d', makeFolder(t, [])), {
      code: 'FST_NEON_URL_INVALID',
      message: /^url must begin with postgresql/
    })
  })

  t.test('would go through a pooler is refused, with the direct host', async t => {
    const url = 'postgresql://me:s3cr3t@ep-x-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require'

    await t.rejects(apply(url, makeFolder(t, [])), {
      code: 'FST_NEON_POOLED_HOST',
      message: /postgresql:\/\/me:\*\*\*@ep-x\.us-east-2\.aws\.neon\.tech\/neondb/
    })
  })

  t.test('breaks in the middle of a statement has applied nothing of it', async t => {
    const url = await createDatabase()
    const sql = 'create table a ();\nselect pg_sleep(60)'
    const folder = makeFolder(t, [{ name: '0000_a', sql }])
    await t.rejects(breakAt(SLEEPING, url, folder), {
      code: 'FST_NEON_MIGRATION_FAILED',
      failure: { line: 2, sqlState: undefined, remains: 'rolled-back', message: /connection .* lost/ }
    })
    t.strictSame(await tablesIn(url), [])
  })

  t.test('breaks in the middle of an index is known not to know, and taken up', async t => {
    const url = await createDatabase()
    const sql = '-- fastify-neon:no-transaction\ncreate index concurrently a_x_idx on a (x)'
    const folder = makeFolder(t, [{ name: '0000_a', sql }])
    await administer('create table a (x int)', url)
    const other = new pg.Client({ connectionString: url })
    await other.connect()
    t.teardown(() => other.end())
    await other.query('begin; insert into a values (1)')
    await t.rejects(breakAt(BUILDING, url, folder), {
      code: 'FST_NEON_MIGRATION_FAILED',
      failure: { line: 2, sqlState: undefined, remains: 'interrupted' }
    })
    // The server notices, and gives up.
    await until(async () => (await administer(BUILDING, url)).length === 0)
    await other.query('rollback')
    t.match(await apply(url, folder), { types: ['resumed', 'invalid-index-dropped', 'applied'] })
  })

  t.test('is ended by the server has its reason', async t => {
    const url = await createDatabase()
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'select pg_terminate_backend(pg_backend_pid())' }])

    await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED', failure: { sqlState: '57P01' } })
  })

  for (const [lose, applied] of [
    ['acknowledgement', []],
    ['request', ['0000_a']]
  ] as const) {
    t.test(`loses the ${lose} of COMMIT does not know, and the next run does`, async t => {
      const url = await createDatabase()
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
      neon.inject({ type: 'commit', lose, times: 1, where: MIGRATIONS })

      await t.rejects(apply(url, folder), {
        code: 'FST_NEON_MIGRATION_FAILED',
        failure: { line: undefined, remains: 'unknown' }
      })
      t.strictSame((await apply(url, folder)).applied, applied)
      t.strictSame(await tablesIn(url), ['a'])
    })
  }

  t.test('is silent is given up', async t => {
    const server = await scriptedServer(t, (socket, count) => {
      if (count === 1) socket.send(Buffer.from(AUTHENTICATED))
    })

    await t.rejects(apply(server.url, makeFolder(t, []), { answerTimeoutMs: 10 }), {
      code: 'FST_NEON_STATEMENT_TIMEOUT'
    })
  })
})

const BUILDING =
  "select from pg_stat_activity where query like 'create index%' and wait_event_type = 'Lock' and datname = current_database()"

const SLEEPING =
  "select 1 from pg_stat_activity where query like '%pg_sleep(60)' and datname = current_database() and state = 'active'"
