/**
 * drizzle-kit's own ledger: a row for each migration that was applied, written as drizzle-kit writes it,
 * so that it and this project can take turns. That of Drizzle 1.0 has the name of each, and when it was applied.
 */

import type { Query } from '../../client/single-session.ts'
import type { JournalEntry, MigrationFile } from '../files/folder.ts'

export interface LedgerName {
  schema: string
  table: string
}

export interface LedgerRow {
  /** The `when` of the journal. */
  createdAt: number
  hash: string
  /** Null where 0.x wrote the row, and undefined where the whole ledger is one of 0.x. */
  name?: string | null | undefined
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
  const rows = await query<StoredColumns>(
    `SELECT id, hash, created_at, to_jsonb(ledger) ? 'name' AS has_name, to_jsonb(ledger)->>'name' AS name
       FROM ${ledgerSql(name)} AS ledger ORDER BY created_at, id`
  )
  return rows.map(({ id, hash, created_at, has_name, name }) => ({
    id,
    hash,
    createdAt: Number(created_at),
    ...(has_name && { name })
  }))
}

interface StoredColumns extends Record<string, unknown> {
  id: number
  hash: string
  created_at: string
  has_name: boolean
  name: string | null
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

/** As drizzle-kit's migrate makes it, of the line that wrote the migrations. */
export async function createLedger(query: Query, name: LedgerName, hasFolders: boolean): Promise<void> {
  if (await exists(query, ledgerSql(name))) return
  const columns = ['id SERIAL PRIMARY KEY', 'hash text NOT NULL', 'created_at bigint']
  if (hasFolders) columns.push(...NEW_COLUMNS)
  await query(`CREATE SCHEMA IF NOT EXISTS ${quote(name.schema)}`)
  await query(`CREATE TABLE IF NOT EXISTS ${ledgerSql(name)} (${columns.join(', ')})`)
}

/** Of Drizzle 1.0. */
export const NEW_COLUMNS = ['name text', 'applied_at timestamp with time zone DEFAULT now()']

/** By its name; without a folder by its time and its text, since another folder may have one of the same time in the same ledger. */
export async function isInLedger(
  query: Query,
  ledger: LedgerName,
  { name, hasFolder, when, hashes }: Pick<MigrationFile, 'name' | 'hasFolder' | 'when' | 'hashes'>
): Promise<boolean> {
  const [condition, values] = hasFolder
    ? ['name = $1', [name]]
    : ['created_at = $1 AND hash = ANY($2)', [when, [...hashes]]]
  const rows = await query(`SELECT FROM ${ledgerSql(ledger)} WHERE ${condition}`, values)
  return rows.length > 0
}

export async function writeToLedger(
  query: Query,
  ledger: LedgerName,
  { name, hasFolder, when, hash }: JournalEntry & { hash: string }
): Promise<void> {
  const table = ledgerSql(ledger)
  if (hasFolder)
    await query(`INSERT INTO ${table} (hash, created_at, name) VALUES ($1, $2, $3)`, [hash, when, name])
  else await query(`INSERT INTO ${table} (hash, created_at) VALUES ($1, $2)`, [hash, when])
}

export async function exists(query: Query, relation: string): Promise<boolean> {
  const [row] = await query<{ exists: boolean }>('SELECT to_regclass($1) IS NOT NULL AS exists', [relation])
  return row?.exists === true
}
