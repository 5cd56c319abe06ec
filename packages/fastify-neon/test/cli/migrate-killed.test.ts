/**
 * A run that is killed at a boundary between two statements, and the run after it.
 */
import { tmpdir } from 'node:os'
import pg from 'pg'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { runProgram } from '../../../../test/support/processes.ts'
import { LOCK_KEY } from '../../src/migrations/lock.ts'
import { apply, ledgerOf, makeFolder, statusOf, timeOf } from '../migrations/folders.ts'

// A statement that waits as long as somebody else holds the number: at each boundary, and at both ends.
const gate = (number: number) => `select pg_advisory_lock_shared(${number})`
const step = (number: number) => `insert into steps values (${number})`
const lines = (...statements: string[]) => statements.join(';\n--> statement-breakpoint\n')

const MIGRATIONS = [
  { name: '0000_a', sql: lines(gate(1), 'create table steps (n int)', gate(2), step(1), gate(3)) },
  {
    name: '0001_b',
    sql: `-- fastify-neon:no-transaction\n${lines(
      gate(4),
      step(2),
      gate(5),
      'create index concurrently steps_n_idx on steps (n)',
      gate(6),
      step(3),
      gate(7)
    )}`
  },
  { name: '0002_c', sql: lines(gate(8), step(4), gate(9)) }
]
// In a transaction, and in the middle of a migration without one; each among the soak tests.
const BOUNDARIES =
  process.env.KILLED_AT === 'each' ? Array.from({ length: 9 }, (_, index) => index + 1) : [2, 6]
const AT_ONCE = 3

const LOCKED = `select from pg_locks where locktype = 'advisory' and granted
  and (classid::bigint << 32 | objid::bigint) = ${LOCK_KEY}
  and database = (select oid from pg_database where datname = current_database())`
const BACKENDS = `select from pg_stat_activity
  where datname = current_database() and application_name = 'fastify-neon-migrations'`
const WAITING = `${BACKENDS} and wait_event_type = 'Lock'`

const count = async (statement: string, url: string) => (await administer(statement, url)).length

/** Keeps every run from passing the statement that asks for `number`, or for the table. */
async function hold(t: Test, connectionString: string, statement: string) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(statement)
  const release = () => client.end()
  t.teardown(release)
  return release
}

/** A run that is killed while it waits at what is held. */
async function killWaiting(t: Test, url: string, folder: string) {
  const { child, ended } = runProgram(t, 'packages/fastify-neon/src/cli/main.ts', {
    env: { DATABASE_URL: url },
    args: ['migrate', '--folder', folder],
    cwd: tmpdir()
  })
  await until(async () => (await count(WAITING, url)) === 1)
  child.kill('SIGKILL')
  t.equal(await ended, 'SIGKILL')
  // While the statement still waits: the server itself has to notice.
  await until(async () => (await count(BACKENDS, url)) === 0)
  t.equal(await count(LOCKED, url), 0, 'the lock is not left behind')
}

async function killAt(t: Test, number: number) {
  const url = await createDatabase(t, { migrated: false })
  const folder = makeFolder(t, MIGRATIONS)
  const release = await hold(t, url, `select pg_advisory_lock(${number})`)

  await killWaiting(t, url, folder)
  await release()
  await apply(url, folder)

  t.strictSame(
    (await ledgerOf(url)).map(({ when }) => when),
    [timeOf(0), timeOf(1), timeOf(2)]
  )
  t.strictSame(
    (await administer('select n from steps order by n', url)).map(({ n }) => n),
    [1, 2, 3, 4],
    'nothing is missing, and nothing is applied twice'
  )
  t.match(await statusOf(url, folder), { pending: [], findings: [], invalidIndexes: [] })
}

t.test('a run that is killed', async t => {
  t.jobs = AT_ONCE
  for (const number of BOUNDARIES)
    t.test(`at boundary ${number} is finished by the next one`, t => killAt(t, number))

  t.test(
    'while it builds an index leaves it invalid, and the next run names it and builds it again',
    async t => {
      const url = await createDatabase(t, { migrated: false })
      await administer('create table steps (n int)', url)
      const sql = '-- fastify-neon:no-transaction\ncreate index concurrently steps_n_idx on steps (n)'
      const folder = makeFolder(t, [{ name: '0000_index', sql }])
      const release = await hold(t, url, 'begin; insert into steps values (1)')

      await killWaiting(t, url, folder)
      const between = await statusOf(url, folder)
      await release()
      const { events } = await apply(url, folder)

      t.match(between, { findings: [{}, { kind: 'interrupted' }], invalidIndexes: ['public.steps_n_idx'] })
      t.match(events, [
        { type: 'resumed' },
        { type: 'invalid-index-dropped', index: 'public.steps_n_idx' },
        { type: 'applied' }
      ])
      t.match(await statusOf(url, folder), { pending: [], findings: [], invalidIndexes: [] })
    }
  )
})
