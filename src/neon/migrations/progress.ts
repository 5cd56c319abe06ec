/**
 * How far a migration without a transaction has come, so that a run that was ended in the middle of it is
 * taken up where it stopped. A table beside the ledger, which has a row only meanwhile.
 */
import { createHash } from 'node:crypto'
import type { MigrationFinding } from './findings.ts'
import type { Migration, MigrationFile } from './folder.ts'
import { exists, type LedgerName, quote } from './ledger.ts'
import type { Query } from './session.ts'
import type { Statement } from './statements.ts'

export interface Progress {
  createdAt: number
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
  hash: string
  done_hash: string | null
  done: number
  is_begun: boolean
}

/** Empty when no migration stopped in the middle. A row of which nothing is done or begun says nothing. */
export async function readProgress(query: Query, name: LedgerName): Promise<Progress[]> {
  if (!(await exists(query, progressSql(name)))) return []
  const rows = await query<ProgressRow>(
    `SELECT created_at, hash, done, is_begun, to_jsonb(progress)->>'done_hash' AS done_hash
       FROM ${progressSql(name)} AS progress WHERE done > 0 OR is_begun ORDER BY created_at`
  )
  return rows.map(({ created_at, hash, done_hash, done, is_begun }) => ({
    createdAt: Number(created_at),
    hash,
    doneHash: done_hash ?? undefined,
    done,
    isBegun: is_begun
  }))
}

export async function createProgress(query: Query, name: LedgerName): Promise<void> {
  const table = progressSql(name)
  if (!(await exists(query, table))) {
    await query(
      `CREATE TABLE ${table} (
         created_at bigint PRIMARY KEY, hash text NOT NULL, done integer NOT NULL, is_begun boolean NOT NULL, done_hash text)`
    )
    return
  }
  const [column] = await query(
    `SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'done_hash'`,
    [table]
  )
  if (column === undefined) await query(`ALTER TABLE ${table} ADD COLUMN done_hash text`)
}

export async function writeProgress(
  query: Query,
  name: LedgerName,
  { when, hash, statements, ...reached }: Pick<Migration, 'when' | 'hash' | 'statements'> & Reached
): Promise<void> {
  await query(
    `INSERT INTO ${progressSql(name)} (created_at, hash, done, is_begun, done_hash) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (created_at) DO UPDATE
         SET hash = excluded.hash, done = excluded.done, is_begun = excluded.is_begun, done_hash = excluded.done_hash`,
    [when, hash, reached.done, reached.isBegun, hashOf(statements, reached)]
  )
}

/** A migration may change behind what is done: a statement that failed is corrected there. */
export function findEdited(progress: Progress[], migrations: Migration[]): MigrationFinding[] {
  return migrations.flatMap(({ name, when, hashes, statements }): MigrationFinding[] => {
    const reached = progress.find(({ createdAt }) => createdAt === when)
    if (reached === undefined || hashes.has(reached.hash)) return []
    if (reached.doneHash === hashOf(statements, reached)) return []
    return [
      {
        kind: 'edited',
        migration: name,
        message: `${reached.isBegun ? 'what a run has done or begun' : 'what is done'} of it was changed: its first ${touched(reached)} statements`,
        mend: 'restore the file, run npm run db:migrate, and write the change as a migration of its own; what stands behind those may be changed'
      }
    ]
  })
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
