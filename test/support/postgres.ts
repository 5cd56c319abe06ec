/**
 * Databases for tests: each a clone of the migrated one, dropped at the end.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Test } from 'tap'

// tap starts this process, the one before and the one after, so its pid is what they share.
export const addressFile = fileURLToPath(new URL(`../../.tap/postgres-${process.ppid}.json`, import.meta.url))

interface Server {
  pid: number
  /** Of the template, as its owner. */
  url: string
  /** What Postgres itself listens on. */
  socket: { host: string; port: number }
  /** The folder of a cluster that was never used, nor runs. */
  cluster: string
  /** The path for the packages of this run, which `packedPackages` makes. */
  packages: string
}

export function readServer(): Server {
  return JSON.parse(readFileSync(addressFile, 'utf8'))
}

/** Left by tests of this process that changed rows at most, by their template: to make one takes ten times as long. */
const unchanged = new Map<string, Clone[]>()

interface Clone {
  name: string
  /** As it was made. */
  settings: string
}

/** The URL of a database of this test alone, with all tables and no rows. */
export async function createDatabase(t: Test, { migrated = true } = {}): Promise<string> {
  const { url } = readServer()
  const template = migrated ? new URL(url).pathname.slice(1) : 'template1'
  const clone = unchanged.get(template)?.pop() ?? (await cloneOf(template, migrated))
  t.teardown(() => release(clone, template))
  return Object.assign(new URL(url), { pathname: `/${clone.name}` }).href
}

async function cloneOf(template: string, migrated: boolean): Promise<Clone> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`)
  // What the migrations revoke of the database itself is not cloned.
  if (migrated) await administer(`REVOKE TEMPORARY ON DATABASE ${name} FROM PUBLIC`)
  return { name, settings: await settingsOf(name) }
}

async function release(clone: Clone, template: string): Promise<void> {
  const { name } = clone
  // A session counts what it wrote at its end.
  const end = `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${name}' and backend_type = 'client backend'`
  await administer(end)
  if ((await settingsOf(name)) === clone.settings && (await isEmptied(name)))
    unchanged.set(template, [...(unchanged.get(template) ?? []), clone])
  else await administer(`DROP DATABASE ${name} WITH (FORCE)`)
}

/** Of the database itself: its row in the catalog, and what ALTER DATABASE has set. */
async function settingsOf(name: string): Promise<string> {
  const rows = await administer(
    `select xmin, (select count(*) from pg_db_role_setting where setdatabase = oid) as settings
     from pg_database where datname = '${name}'`
  )
  return JSON.stringify(rows)
}

/** Removes the rows of its tables; false when anything else was ever written, such as to a catalog or the ledger. */
function isEmptied(name: string): Promise<boolean> {
  const url = Object.assign(new URL(readServer().url), { pathname: `/${name}` }).href
  const written = `select schemaname as schema, format('%I.%I', schemaname, relname) as table
    from pg_stat_all_tables where n_tup_ins + n_tup_upd + n_tup_del > 0`
  return connected(url, async client => {
    const { rows } = await client.query<{ schema: string; table: string }>(written)
    if (rows.some(({ schema }) => schema !== 'public')) return false
    for (const { table } of rows) await client.query(`delete from ${table}`)
    return true
  }).catch(() => false)
}

/** Runs one statement as the owner, beside what is under test: by the socket of Postgres itself, where it is that of the tests. */
export async function administer(statement: string, url?: string): Promise<Record<string, unknown>[]> {
  if (url !== undefined) return connected(url, async client => (await client.query(statement)).rows)
  maintenance ??= openMaintenance()
  return (await maintenance.query(statement)).rows
}

/** Kept, since to log in takes longer than most statements of tests; it does not keep the process alive. */
let maintenance: pg.Pool | undefined

function openMaintenance(): pg.Pool {
  const pool = new pg.Pool({ ...addressOf(maintenanceUrl()), max: 2, allowExitOnIdle: true })
  // What it means, the next statement says.
  pool.on('error', () => {})
  return pool
}

async function connected<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(addressOf(connectionString))
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Without the proxy and its login, which take most of the time of a short session. */
function addressOf(connectionString: string): pg.ClientConfig {
  // A program that a test starts has no Postgres of the run.
  const server = existsSync(addressFile) ? readServer() : undefined
  const { host, username: user, pathname } = new URL(connectionString)
  if (server === undefined || host !== new URL(server.url).host) return { connectionString }
  return { ...server.socket, user, database: pathname.slice(1) }
}

/** A template can be cloned only while nobody is in it. */
function maintenanceUrl(): string {
  return Object.assign(new URL(readServer().url), { pathname: '/postgres' }).href
}

/** Keeps everybody else out of the tasks until the returned function is called. */
export async function holdTable(t: Test, connectionString: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query('begin; lock table tasks')
  const release = () => client.end()
  t.teardown(release)
  return release
}

/** True when a statement waits behind `holdTable`. */
export async function isWaiting(databaseUrl: string): Promise<boolean> {
  return (await countWaiting(databaseUrl)) > 0
}

/** Statements about tasks that wait behind a lock; the look at the policies of all tables, in the background, may wait as well. */
export async function countWaiting(databaseUrl: string): Promise<number> {
  const waiting =
    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query like '%tasks%'"
  return (await administer(waiting, databaseUrl)).length
}

/** What happens inside the server at the COMMIT of each transaction that inserted into the table, by the trigger `late`, with the rights of the owner. */
export async function atCommit(databaseUrl: string, table: string, statement: string): Promise<void> {
  await administer(
    `create function late() returns trigger language plpgsql security definer as $$ begin ${statement}; return null; end $$;
     create constraint trigger late after insert on ${table}
       deferrable initially deferred for each row execute function late()`,
    databaseUrl
  )
}

/** Ends the session that it is executed in. */
export const DIE = 'perform pg_terminate_backend(pg_backend_pid())'
