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
  /** Of the statements that are done or begun; earlier versions wrote that of the file. */
  hash: string
  /** Statements that are done for certain. */
  done: number
  /** Whether the next one was sent, and may be done as well. */
  isBegun: boolean
}

const TABLE = '__fastify_neon_progress'

const progressSql = ({ schema }: LedgerName) => `${quote(schema)}.${quote(TABLE)}`

/** Empty when no migration stopped in the middle. A row of which nothing is done or begun says nothing. */
export async function readProgress(query: Query, name: LedgerName): Promise<Progress[]> {
  if (!(await exists(query, progressSql(name)))) return []
  const rows = await query<{ created_at: string; hash: string; done: number; is_begun: boolean }>(
    `SELECT created_at, hash, done, is_begun FROM ${progressSql(name)}
       WHERE done > 0 OR is_begun ORDER BY created_at`
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
  { when, statements, ...reached }: Pick<Migration, 'when' | 'statements'> & Reached
): Promise<void> {
  await query(
    `INSERT INTO ${progressSql(name)} VALUES ($1, $2, $3, $4)
       ON CONFLICT (created_at) DO UPDATE
         SET hash = excluded.hash, done = excluded.done, is_begun = excluded.is_begun`,
    [when, hashOf(statements, reached), reached.done, reached.isBegun]
  )
}

/** A migration may change behind what is done: a statement that failed is corrected there. */
export function findEdited(progress: Progress[], migrations: Migration[]): MigrationFinding[] {
  return migrations.flatMap(({ name, when, hashes, statements }): MigrationFinding[] => {
    const reached = progress.find(({ createdAt }) => createdAt === when)
    if (reached === undefined || hashes.has(reached.hash)) return []
    if (reached.hash === hashOf(statements, reached)) return []
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

export async function clearProgress(query: Query, name: LedgerName, { when }: MigrationFile): Promise<void> {
  await query(`DELETE FROM ${progressSql(name)} WHERE created_at = $1`, [when])
}
