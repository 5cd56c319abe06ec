/**
 * drizzle-kit's own ledger: a row for each migration that was applied, written as drizzle-kit writes it,
 * so that it and this project can take turns.
 */
import type { JournalEntry, MigrationFile } from './folder.ts'
import type { Query } from './session.ts'

export interface LedgerName {
  schema: string
  table: string
}

export interface LedgerRow {
  /** The `when` of the journal. */
  createdAt: number
  hash: string
}

/** As it is in the table. */
export interface StoredRow extends LedgerRow {
  id: number
}

/** As drizzle-kit names it unless its configuration does. */
export const DRIZZLE_LEDGER: LedgerName = { schema: 'drizzle', table: '__drizzle_migrations' }

export function ledgerSql({ schema, table }: LedgerName): string {
  return `${quote(schema)}.${quote(table)}`
}

export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}

/** Empty when there is no ledger yet. */
export async function readLedger(query: Query, name: LedgerName): Promise<StoredRow[]> {
  if (!(await exists(query, ledgerSql(name)))) return []
  const rows = await query<{ id: number; hash: string; created_at: string }>(
    `SELECT id, hash, created_at FROM ${ledgerSql(name)} ORDER BY created_at, id`
  )
  return rows.map(({ id, hash, created_at }) => ({ id, hash, createdAt: Number(created_at) }))
}

/**
 * Runs the work with nobody else writing to the ledger, drizzle-kit included; all of it or nothing. An error leaves
 * the transaction open, and the end of the session takes it back.
 */
export async function changeLedger(query: Query, name: LedgerName, work: () => Promise<void>): Promise<void> {
  await query('BEGIN')
  await query(`LOCK TABLE ${ledgerSql(name)} IN SHARE ROW EXCLUSIVE MODE`)
  await work()
  await query('COMMIT')
}

/** As drizzle-kit's migrate makes it. */
export async function createLedger(query: Query, name: LedgerName): Promise<void> {
  if (await exists(query, ledgerSql(name))) return
  await query(`CREATE SCHEMA IF NOT EXISTS ${quote(name.schema)}`)
  await query(
    `CREATE TABLE IF NOT EXISTS ${ledgerSql(name)} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)`
  )
}

/** By its time and its text, since another folder may have one of the same time in the same ledger. */
export async function isInLedger(
  query: Query,
  name: LedgerName,
  { when, hashes }: Pick<MigrationFile, 'when' | 'hashes'>
): Promise<boolean> {
  const rows = await query(`SELECT FROM ${ledgerSql(name)} WHERE created_at = $1 AND hash = ANY($2)`, [
    when,
    [...hashes]
  ])
  return rows.length > 0
}

export async function writeToLedger(
  query: Query,
  name: LedgerName,
  { when, hash }: JournalEntry & { hash: string }
): Promise<void> {
  await query(`INSERT INTO ${ledgerSql(name)} (hash, created_at) VALUES ($1, $2)`, [hash, when])
}

export async function exists(query: Query, relation: string): Promise<boolean> {
  const [row] = await query<{ exists: boolean }>('SELECT to_regclass($1) IS NOT NULL AS exists', [relation])
  return row?.exists === true
}
