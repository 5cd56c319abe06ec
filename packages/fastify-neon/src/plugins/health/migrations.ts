/**
 * What health asks of the ledger: whether all migrations of the folder are in it.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { Query } from '../../client/single-session.ts'
import type { Pool } from '../../drizzle/database.ts'
import { describeFailure, toFailure } from '../../errors/failure.ts'
import type { MigrationReading } from '../../health/migrations.ts'
import { readJournal, readMigrationFiles } from '../../migrations/files/folder.ts'
import type { ObjectName } from '../../migrations/files/object-names.ts'
import { DRIZZLE_LEDGER, type LedgerName, readLedger } from '../../migrations/ledger/ledger.ts'
import { findMissingTables, readRelations } from '../../migrations/schema.ts'
import { compareMigrations, type MigrationStatus } from '../../migrations/status.ts'
import { ownQuery } from '../own-query.ts'

export interface ExpectedMigrations {
  /** Folder that drizzle-kit writes, of Drizzle 0.x or 1.0; it must be in the image. */
  folder: string
  /** @default drizzle.__drizzle_migrations, as drizzle-kit */
  ledger?: LedgerName
  /** Name of the database of the migrations; it must be critical. @default the first that was registered, most often `db` */
  database?: string
}

const UNREADABLE: MigrationReading = { state: 'unreadable', pending: [] }

const USABLE = `SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, pg_roles
  WHERE ARRAY['table ' || relname, 'table ' || nspname || '.' || relname] && $1::text[]
    AND relkind IN ('r', 'p', 'f', 'v', 'm')
    AND pg_has_role(pg_roles.oid, 'MEMBER')
    AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')
    AND has_any_column_privilege(pg_roles.oid, pg_class.oid, 'SELECT, INSERT, UPDATE')
  LIMIT 1`

/** Reads the folder once. Throws FST_NEON_MIGRATIONS_INVALID and FST_NEON_MIGRATIONS_MIXED. */
export async function createLook(
  { folder, ledger = DRIZZLE_LEDGER }: ExpectedMigrations,
  pool: Pool,
  log: FastifyBaseLogger
): Promise<() => Promise<MigrationReading>> {
  const journal = await readJournal(folder)
  const files = await readMigrationFiles(folder, journal)
  /** By the ledger, as it was when it could last be read. */
  let status: MigrationStatus | undefined
  let isMissing = false
  let isChanged = false
  return () => look().catch(() => ({ state: 'unknown', pending: [] }))

  async function look(): Promise<MigrationReading> {
    const query = ownQuery(pool)
    const isReadable = await readStatus(query)
    if (status === undefined || (!isReadable && status.pending.length > 0)) return UNREADABLE
    const { pending, findings } = status
    if (pending.length > 0) return { state: 'pending', pending }
    const { all, missing } = await findMissingTables(
      { path: folder, journal },
      status,
      await readRelations(query)
    )
    const isNews = missing.length > 0 && !isMissing
    isMissing = missing.length > 0
    if (isNews)
      log.warn({ missing }, 'the ledger has all migrations, and tables of theirs are not in the database')
    if (isMissing) return { state: 'schema-missing', pending }
    if (!isReadable && all.length > 0 && !(await isAnyUsable(query, all))) return UNREADABLE
    const changed = findings.filter(({ kind }) => kind !== 'unmatched').map(({ migration }) => migration)
    if (changed.length > 0 && !isChanged)
      log.warn({ migrations: changed }, 'migrations were changed after they were applied')
    isChanged = changed.length > 0
    return { state: 'complete', pending }
  }

  /** False when the server refuses, which is no matter of time. */
  async function readStatus(query: Query): Promise<boolean> {
    try {
      const rows = await readLedger(query, ledger)
      status = compareMigrations({ journal, files, rows, progress: [] })
      return true
    } catch (error) {
      const failure = toFailure(error, 'statement')
      if (failure.kind !== 'statement') throw failure
      log.debug(describeFailure(failure), 'the ledger of migrations cannot be read')
      return false
    }
  }
}

/** Whether the role of the connection, or one that it may switch to, may do anything with one of these tables. */
async function isAnyUsable(query: Query, tables: readonly ObjectName[]): Promise<boolean> {
  return (await query(USABLE, [tables])).length > 0
}
