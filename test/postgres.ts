/**
 * Databases for tests: each a clone of the migrated one, dropped at the end.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Test } from 'tap'

// tap starts this process, the one before and the one after, so its pid is what they share.
export const addressFile = fileURLToPath(new URL(`../.tap/postgres-${process.ppid}.json`, import.meta.url))

interface Server {
  pid: number
  /** Of the template, as its owner. */
  url: string
}

export function readServer(): Server {
  return JSON.parse(readFileSync(addressFile, 'utf8'))
}

/** The URL of a database of this test alone, with all tables and no rows. */
export async function createDatabase(t: Test, { migrated = true } = {}): Promise<string> {
  const { url } = readServer()
  const name = `test_${randomBytes(6).toString('hex')}`
  const template = migrated ? new URL(url).pathname.slice(1) : 'template1'
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  // What the migrations revoke of the database itself is not cloned.
  if (migrated) await administer(`REVOKE TEMPORARY ON DATABASE ${name} FROM PUBLIC`)
  t.teardown(() => administer(`DROP DATABASE ${name} WITH (FORCE)`))
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

/** Runs one statement as the owner, over plain TCP and beside the database under test. */
export async function administer(
  statement: string,
  url = maintenanceUrl()
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(statement)
    return rows
  } finally {
    await client.end()
  }
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

/** Statements that wait behind a lock. */
export async function countWaiting(databaseUrl: string): Promise<number> {
  const waiting =
    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
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
