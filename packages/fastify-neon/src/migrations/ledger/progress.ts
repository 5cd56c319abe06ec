/**
 * How far a migration without a transaction has come, so that a run that was ended in the middle of it is
 * taken up where it stopped. A table beside the ledger, which has a row only meanwhile.
 */
import { createHash } from 'node:crypto'
import type { Query } from '../../client/single-session.ts'
import type { JournalEntry, Migration } from '../files/folder.ts'
import type { Statement } from '../files/statements.ts'
import type { MigrationFinding } from '../findings.ts'
import { exists, type LedgerName, quote } from './ledger.ts'

export interface Progress {
  createdAt: number
  /** Of the folder; undefined for one without. */
  name?: string | undefined
  /** Of the file. */
  hash: string
  /** Of the statements that are done or begun; earlier versions did not write it. */
  doneHash: string | undefined
  /** Statements that are done for certain. */
  done: number
  /** Whether the next one was sent, and may be done as well. */
  isBegun: boolean
}

export const PROGRESS_TABLE = '__fastify_neon_progress'

const progressSql = ({ schema }: LedgerName) => `${quote(schema)}.${quote(PROGRESS_TABLE)}`

interface ProgressRow extends Record<string, unknown> {
  created_at: string
  name: string | null
  hash: string
  done_hash: string | null
  done: number
  is_begun: boolean
}

/** Empty when no migration stopped in the middle. A row of which nothing is done or begun says nothing. */
export async function readProgress(query: Query, name: LedgerName): Promise<Progress[]> {
  if (!(await exists(query, progressSql(name)))) return []
  const rows = await query<ProgressRow>(
    `SELECT created_at, hash, done, is_begun, to_jsonb(progress)->>'done_hash' AS done_hash,
         to_jsonb(progress)->>'name' AS name
       FROM ${progressSql(name)} AS progress WHERE done > 0 OR is_begun ORDER BY created_at`
  )
  return rows.map(({ created_at, name, hash, done_hash, done, is_begun }) => ({
    createdAt: Number(created_at),
    ...(name ? { name } : {}),
    hash,
    doneHash: done_hash ?? undefined,
    done,
    isBegun: is_begun
  }))
}

export async function createProgress(query: Query, name: LedgerName): Promise<void> {
  const table = progressSql(name)
  if (!(await exists(query, table)))
    await query(
      `CREATE TABLE ${table} (created_at bigint NOT NULL, name text NOT NULL DEFAULT '', hash text NOT NULL,
         done integer NOT NULL, is_begun boolean NOT NULL, done_hash text, PRIMARY KEY (created_at, name))`
    )
  const columns = await query<{ attname: string }>(
    `SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attname IN ('done_hash', 'name')`,
    [table]
  )
  const has = (column: string) => columns.some(({ attname }) => attname === column)
  if (!has('done_hash')) await query(`ALTER TABLE ${table} ADD COLUMN done_hash text`)
  // Earlier versions wrote the time alone; two folders may have one second in common.
  if (!has('name'))
    await query(
      `ALTER TABLE ${table} ADD COLUMN name text NOT NULL DEFAULT '',
         DROP CONSTRAINT ${quote(`${PROGRESS_TABLE}_pkey`)}, ADD PRIMARY KEY (created_at, name)`
    )
}

/** Whether it is of this migration: by the name of its folder, and without one by its time. */
export function isProgressOf({ name, when, hasFolder }: JournalEntry, progress: Progress): boolean {
  return hasFolder ? progress.name === name : progress.createdAt === when
}

type ProgressKey = Pick<Progress, 'createdAt' | 'name'>

export const keyOf = ({ name, when, hasFolder }: JournalEntry): ProgressKey => ({
  createdAt: when,
  ...(hasFolder && { name })
})
const columnsOf = ({ createdAt, name = '' }: ProgressKey) => [createdAt, name]

export async function writeProgress(
  query: Query,
  ledger: LedgerName,
  { hash, statements, ...migration }: Pick<Migration, 'hash' | 'statements'> & JournalEntry & Reached
): Promise<void> {
  await query(
    `INSERT INTO ${progressSql(ledger)} (created_at, name, hash, done, is_begun, done_hash) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (created_at, name) DO UPDATE
         SET hash = excluded.hash, done = excluded.done, is_begun = excluded.is_begun, done_hash = excluded.done_hash`,
    [...columnsOf(keyOf(migration)), hash, migration.done, migration.isBegun, hashOf(statements, migration)]
  )
}

/** A migration may change behind what is done: a statement that failed is corrected there. */
export function findEdited(progress: Progress[], migration: Migration): MigrationFinding[] {
  const { name, hashes, statements } = migration
  const reached = progress.find(stopped => isProgressOf(migration, stopped))
  if (reached === undefined || hashes.has(reached.hash)) return []
  if (reached.doneHash === hashOf(statements, reached)) return []
  return [
    {
      kind: 'edited',
      migration: name,
      message: `${reached.isBegun ? 'what a run has done or begun' : 'what is done'} of it was changed: its first ${touched(reached)} statements`,
      fix: 'restore the file, run npx fastify-neon migrate, and write the change as a migration of its own; what stands behind those may be changed'
    }
  ]
}

type Reached = Pick<Progress, 'done' | 'isBegun'>

function touched({ done, isBegun }: Reached): number {
  return done + (isBegun ? 1 : 0)
}

/** Line ends do not count. */
function hashOf(statements: Statement[], reached: Reached): string {
  const texts = statements.slice(0, touched(reached)).map(({ sql }) => sql.replaceAll('\r\n', '\n'))
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex')
}

/** To the time, or the name, that its migration has now. */
export async function moveProgress(
  query: Query,
  ledger: LedgerName,
  from: ProgressKey,
  to: JournalEntry
): Promise<void> {
  await query(
    `UPDATE ${progressSql(ledger)} SET created_at = $3, name = $4 WHERE created_at = $1 AND name = $2`,
    [...columnsOf(from), ...columnsOf(keyOf(to))]
  )
}

export async function clearProgress(query: Query, ledger: LedgerName, key: ProgressKey): Promise<void> {
  await query(`DELETE FROM ${progressSql(ledger)} WHERE created_at = $1 AND name = $2`, columnsOf(key))
}
