/**
 * Every table of the database, tried by a user with the rows of another: made from the catalog, so that a
 * table which is new is tried too, and one that nobody can fill is told.
 */
import { sql } from 'drizzle-orm'
import { createDatabase } from '../../packages/fastify-neon/src/drizzle/database.ts'
import type { NeonPool } from '../../packages/fastify-neon/src/pool/pool.ts'
import { administer } from '../support/postgres.ts'

/** A row of a table, by the name of its owner. */
const ROWS: Record<string, (owner: string) => string> = {
  tasks: owner => `insert into tasks (owner, title) values ('${owner}', 'a title')`,
  idempotency_keys: owner =>
    `insert into idempotency_keys values ('${owner}', 'key', 'f', 201, '{}', '{}', now() + interval '1 hour')`
}

/** Tables of the public schema, partitions included. */
export async function tablesOf(databaseUrl: string): Promise<string[]> {
  const rows = await administer(
    "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by relname",
    databaseUrl
  )
  return rows.map(({ relname }) => String(relname))
}

/** What the role `app_user` reaches without the right claim; empty when nothing. */
export async function breachesOf(table: string, databaseUrl: string, pool: NeonPool): Promise<string[]> {
  const row = ROWS[table]
  if (row === undefined) return ['nobody has said how a row of it is made']
  await administer(row('alice'), databaseUrl)
  const db = createDatabase(pool, { role: 'app_user' })
  const breaches: string[] = []
  const before = await contents()

  for (const [who, user] of [
    ['bob', db.$withClaims({ 'app.user_id': 'bob' })],
    ['nobody', db]
  ] as const) {
    const attempts = {
      reads: sql`select * from ${sql.identifier(table)}`,
      counts: sql`select from ${sql.identifier(table)} where owner = 'alice'`,
      changes: sql`update ${sql.identifier(table)} set owner = ${who}`,
      deletes: sql`delete from ${sql.identifier(table)}`,
      locks: sql`select from ${sql.identifier(table)} for update`,
      empties: sql`truncate ${sql.identifier(table)}`,
      makes: sql.raw(row('alice').replace("'key'", "'another'")),
      copies: sql`create table of_bob as table ${sql.identifier(table)}`
    }
    for (const [what, statement] of Object.entries(attempts)) {
      const reached = await user.execute(statement).then(
        ({ rowCount, command }) => command === 'TRUNCATE' || command === 'CREATE' || Number(rowCount) > 0,
        () => false
      )
      if (reached) breaches.push(`${who} ${what} the rows of alice`)
    }
  }
  if ((await contents()) !== before) breaches.push('the rows of alice are not what they were')
  const [facts] = await administer(
    `select relrowsecurity and relforcerowsecurity as forced from pg_class where oid = 'public.${table}'::regclass`,
    databaseUrl
  )
  if (facts?.forced !== true) breaches.push('its owner is not bound by its policies')
  return breaches

  async function contents() {
    return JSON.stringify(await administer(`select * from ${table} order by 1, 2`, databaseUrl))
  }
}
