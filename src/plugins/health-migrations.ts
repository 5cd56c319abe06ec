/**
 * What health asks of the ledger: whether all migrations of the folder are in it.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { MigrationReading } from '../health/migrations.ts'
import { describeFailure, toFailure } from '../neon/failure.ts'
import { readJournal, readMigrationFiles } from '../neon/migrations/folder.ts'
import { DRIZZLE_LEDGER, type LedgerName, readLedger } from '../neon/migrations/ledger.ts'
import { findMissingTables, readRelations } from '../neon/migrations/schema.ts'
import type { Query } from '../neon/migrations/session.ts'
import { compareMigrations } from '../neon/migrations/status.ts'
import type { NeonPool } from '../neon/pool.ts'

export interface ExpectedMigrations {
  /** Folder that drizzle-kit writes, with `meta/_journal.json`; it must be in the image. */
  folder: string
  /** @default drizzle.__drizzle_migrations, as drizzle-kit */
  ledger?: LedgerName
}

/** Reads the folder once. Throws FST_NEON_MIGRATIONS_INVALID. */
export async function createLook(
  { folder, ledger = DRIZZLE_LEDGER }: ExpectedMigrations,
  pool: NeonPool,
  log: FastifyBaseLogger
): Promise<() => Promise<MigrationReading>> {
  const journal = await readJournal(folder)
  const files = await readMigrationFiles(folder, journal)
  let isMissing = false
  return () => look().catch(judge)

  async function look(): Promise<MigrationReading> {
    const query: Query = async (text, values) => (await pool.query(text, values)).rows
    const rows = await readLedger(query, ledger)
    const status = compareMigrations({ journal, files, rows, progress: [] })
    const { pending, findings } = status
    if (pending.length > 0) return { state: 'pending', pending }
    const { missing } = await findMissingTables({ path: folder, journal }, status, await readRelations(query))
    const isNews = missing.length > 0 && !isMissing
    isMissing = missing.length > 0
    if (isNews)
      log.warn({ missing }, 'the ledger has all migrations, and tables of theirs are not in the database')
    if (isMissing) return { state: 'schema-missing', pending }
    const changed = findings.map(({ migration }) => migration)
    if (changed.length > 0)
      log.warn({ migrations: changed }, 'migrations were changed after they were applied')
    return { state: 'complete', pending }
  }

  /** What the server itself refuses is no matter of time. */
  function judge(error: unknown): MigrationReading {
    const failure = toFailure(error, 'statement')
    if (failure.kind !== 'statement') return { state: 'unknown', pending: [] }
    log.debug(describeFailure(failure), 'the ledger of migrations cannot be read')
    return { state: 'unreadable', pending: [] }
  }
}
