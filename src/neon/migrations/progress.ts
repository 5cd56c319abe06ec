/**
 * How far a migration without a transaction has come, so that a run that was ended in the middle of it is
 * taken up where it stopped. A table beside the ledger, which has a row only meanwhile.
 */
import type { MigrationFile } from './folder.ts'
import { exists, type LedgerName, quote } from './ledger.ts'
import type { Query } from './session.ts'

export interface Progress {
  createdAt: number
  /** Of the file as it was. */
  hash: string
  /** Statements that are done for certain. */
  done: number
  /** Whether the next one was sent, and may be done as well. */
  isBegun: boolean
}

export const PROGRESS_TABLE = '__fastify_neon_progress'

const progressSql = ({ schema }: LedgerName) => `${quote(schema)}.${quote(PROGRESS_TABLE)}`

/** Empty when no migration stopped in the middle. */
export async function readProgress(query: Query, name: LedgerName): Promise<Progress[]> {
  if (!(await exists(query, progressSql(name)))) return []
  const rows = await query<{ created_at: string; hash: string; done: number; is_begun: boolean }>(
    `SELECT created_at, hash, done, is_begun FROM ${progressSql(name)} ORDER BY created_at`
  )
  return rows.map(({ created_at, hash, done, is_begun }) => ({
    createdAt: Number(created_at),
    hash,
    done,
    isBegun: is_begun
  }))
}

export async function createProgress(query: Query, name: LedgerName): Promise<void> {
  if (await exists(query, progressSql(name))) return
  await query(
    `CREATE TABLE ${progressSql(name)} (
       created_at bigint PRIMARY KEY, hash text NOT NULL, done integer NOT NULL, is_begun boolean NOT NULL)`
  )
}

export async function writeProgress(
  query: Query,
  name: LedgerName,
  { when, hash, done, isBegun }: Pick<MigrationFile, 'when' | 'hash'> & Pick<Progress, 'done' | 'isBegun'>
): Promise<void> {
  await query(
    `INSERT INTO ${progressSql(name)} VALUES ($1, $2, $3, $4)
       ON CONFLICT (created_at) DO UPDATE SET done = excluded.done, is_begun = excluded.is_begun`,
    [when, hash, done, isBegun]
  )
}

/** To the time that its migration has now. */
export async function moveProgress(
  query: Query,
  name: LedgerName,
  { createdAt }: Progress,
  when: number
): Promise<void> {
  await query(`UPDATE ${progressSql(name)} SET created_at = $2 WHERE created_at = $1`, [createdAt, when])
}

export async function clearProgress(
  query: Query,
  name: LedgerName,
  { when }: Pick<MigrationFile, 'when'>
): Promise<void> {
  await query(`DELETE FROM ${progressSql(name)} WHERE created_at = $1`, [when])
}
