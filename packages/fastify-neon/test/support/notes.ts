/**
 * A table to write to, a pool with one client, and a look at what was stored.
 */
import { pgTable, text } from 'drizzle-orm/pg-core'
import type { Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { PoolLimits } from '../../src/pool/pool.ts'
import { toldOf } from './line.ts'
import { openPool } from './pools.ts'

export const notes = pgTable('notes', { body: text('body').unique() })

/** Behind the pooler a server goes on when its client is gone; elsewhere Neon's proxy cancels what runs. */
export async function openNotes(
  t: Test,
  limits: Partial<PoolLimits & { pipelining: boolean }> = {},
  { isPooled = false } = {}
) {
  const url = await createDatabase(t, { migrated: false })
  await administer('create table notes (body text unique)', url)
  const search = isPooled ? '?options=endpoint%3Dep-local-pooler' : ''
  const { pool } = await openPool(t, { max: 1, ...limits }, url + search)
  const stored = async () =>
    (await administer('select body from notes order by body', url)).map(({ body }) => body)
  return { db: createDrizzle(pool, toldOf({ notes })), pool, stored, url }
}

/** Ends every connection of the pool. */
export const killOthers = (url: string) =>
  administer(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pool-test' and datname = current_database()",
    url
  )

/** Whether the pool has a statement like this under way. */
export async function isRunning(url: string, pattern: string): Promise<boolean> {
  const rows = await administer(
    `select 1 from pg_stat_activity where application_name = 'pool-test' and state = 'active' and query ~* '${pattern}'
      and datname = current_database()`,
    url
  )
  return rows.length > 0
}
