/**
 * Applies the generated migrations, each once however many runs there are, and tells which are applied:
 * on one connection to the direct host, in drizzle-kit's own ledger.
 */
import { PooledHostError } from '../errors.ts'
import { deriveDirectUrl } from './connection-host.ts'
import { type ConnectionUrl, verifiedUrl } from './connection-url.ts'
import { applyStepwise, applyTogether } from './migrations/apply.ts'
import type { MigrationListener } from './migrations/events.ts'
import { RefusedMigrations } from './migrations/failed.ts'
import type { MigrationFinding } from './migrations/findings.ts'
import { type Migration, type MigrationFolder, readMigrationFolder } from './migrations/folder.ts'
import { findInvalidIndexes } from './migrations/indexes.ts'
import { createLedger, DRIZZLE_LEDGER, type LedgerName, readLedger } from './migrations/ledger.ts'
import { takeLock } from './migrations/lock.ts'
import { readProgress } from './migrations/progress.ts'
import { openSession, type Query, type Session } from './migrations/session.ts'
import { compareMigrations, type MigrationStatus } from './migrations/status.ts'
import type { Run } from './migrations/transaction.ts'
import { withoutUndefined } from './pool-limits.ts'
import { redact } from './redact.ts'

export type { MigrationEvent, MigrationListener } from './migrations/events.ts'
export { FailedMigration, type MigrationFailure, RefusedMigrations } from './migrations/failed.ts'
export { exitCodeOf, MIGRATION_FINDINGS, type MigrationFinding, mendOf } from './migrations/findings.ts'
export type { LedgerName } from './migrations/ledger.ts'
export type { MigrationStatus } from './migrations/status.ts'

export interface MigrationSource {
  /** Of the direct host: a session lock does not hold behind a transaction pooler. */
  url: ConnectionUrl | string
  /** Folder of the generated migrations, with `meta/_journal.json`. */
  folder: string
  /** Where applied ones are written down. @default drizzle.__drizzle_migrations, as drizzle-kit */
  ledger?: LedgerName
  /** Longest wait for an answer to what is asked around the migrations, in ms. @default 10 000 */
  answerTimeoutMs?: number
}

export interface MigrationOptions extends MigrationSource {
  /** Longest wait for another run, in ms. @default 300 000 */
  lockWaitMs?: number
  /** Longest wait of a statement for a lock on a table, in ms. @default 10 000: whatever comes after it waits behind it */
  lockTimeoutMs?: number
  /** Longest time of one statement, in ms; 0 is none. A migration may set its own. @default 300 000 */
  statementTimeoutMs?: number
  /** All that are pending in one transaction, in place of one each. @default false */
  singleTransaction?: boolean
  /** Also those that are older than the newest applied one. @default false */
  applyLate?: boolean
  /** Hears what the run does. Must not throw. */
  report?: MigrationListener
}

export interface MigrationRun {
  /** Names of those this run applied, in order. */
  applied: string[]
  /** How many there are in the folder. */
  total: number
  /** What is wrong with others than those that were pending. */
  findings: MigrationFinding[]
}

export interface MigrationReport extends MigrationStatus {
  /** Those that are pending, in order, with their text. */
  plan: Pick<Migration, 'name' | 'file' | 'text'>[]
  /** Qualified names. */
  invalidIndexes: string[]
  total: number
}

const APPLICATION_NAME = 'fastify-neon-migrations'
const DEFAULT_ANSWER_TIMEOUT_MS = 10_000
const LIMITS = { lockWaitMs: 300_000, lockTimeoutMs: 10_000, statementTimeoutMs: 300_000 }

/**
 * Throws FST_NEON_URL_INVALID and FST_NEON_POOLED_HOST; FST_NEON_MIGRATIONS_INVALID for a folder that is none; a DatabaseFailure
 * when there is no connection; FST_NEON_MIGRATIONS_LOCKED; a RefusedMigrations, before anything is done, when
 * something is wrong with what is pending; and a FailedMigration. Those before the failed one stay applied.
 */
export async function applyMigrations(options: MigrationOptions): Promise<MigrationRun> {
  const { report = ignore, applyLate = false, singleTransaction = false } = options
  const limits = { ...LIMITS, ...definedOf(options) }
  const folder = await readMigrationFolder(options.folder)
  return withSession(options, report, async (session, ledger) => {
    await takeLock(session.query, {
      waitMs: limits.lockWaitMs,
      onWaiting: waiting => report({ type: 'waiting', ...waiting })
    })
    const status = await statusOf(session.query, ledger, folder)
    const { pending, others } = sort(status, folder, { applyLate, singleTransaction })
    if (pending.length > 0) await createLedger(session.query, ledger)
    const run: Run = { session, ledger, report, ...limits }
    const applied = await applyAll(run, pending, singleTransaction)
    for (const index of await findInvalidIndexes(session.query))
      report({ type: 'invalid-index-found', index })
    return { applied, total: folder.journal.length, findings: others }
  })
}

/** Changes nothing, and needs no lock. Throws as `applyMigrations` does. */
export async function readMigrationStatus(source: MigrationSource): Promise<MigrationReport> {
  const folder = await readMigrationFolder(source.folder)
  return withSession(source, ignore, async ({ query }, ledger) => {
    const status = await statusOf(query, ledger, folder)
    return {
      ...status,
      plan: folder.migrations.filter(({ name }) => status.pending.includes(name)),
      invalidIndexes: await findInvalidIndexes(query),
      total: folder.journal.length
    }
  })
}

async function withSession<T>(
  { url: given, ledger = DRIZZLE_LEDGER, answerTimeoutMs = DEFAULT_ANSWER_TIMEOUT_MS }: MigrationSource,
  report: MigrationListener,
  work: (session: Session, ledger: LedgerName) => Promise<T>
): Promise<T> {
  const url = typeof given === 'string' ? verifiedUrl(given, 'url') : given
  if (url.isPooled) throw new PooledHostError(redact(deriveDirectUrl(url.href)))
  const onNotice = (message: string) => report({ type: 'notice', message })
  const session = await openSession({ url, applicationName: APPLICATION_NAME, answerTimeoutMs, onNotice })
  try {
    return await work(session, ledger)
  } finally {
    await session.close()
  }
}

async function statusOf(query: Query, ledger: LedgerName, folder: MigrationFolder): Promise<MigrationStatus> {
  const status = compareMigrations({
    journal: folder.journal,
    files: folder.migrations,
    rows: await readLedger(query, ledger),
    progress: await readProgress(query, ledger)
  })
  return { ...status, findings: [...folder.findings, ...status.findings] }
}

/** What is wrong with a migration that was applied long ago is told, and stops nobody. */
function sort(
  status: MigrationStatus,
  { migrations }: MigrationFolder,
  { applyLate, singleTransaction }: { applyLate: boolean; singleTransaction: boolean }
) {
  const isPending = ({ migration }: MigrationFinding) => status.pending.includes(migration)
  const isFine = ({ kind }: MigrationFinding) =>
    kind === 'pending' || kind === 'interrupted' || (kind === 'late-merged' && applyLate)
  const pending = migrations.filter(({ name }) => status.pending.includes(name))
  const refused = [
    ...status.findings.filter(finding => isPending(finding) && !isFine(finding)),
    ...(singleTransaction ? pending.filter(({ directives }) => directives.noTransaction).map(cannotJoin) : [])
  ]
  if (refused.length > 0) throw new RefusedMigrations(refused)
  return { pending, others: status.findings.filter(finding => !isPending(finding)) }
}

function cannotJoin({ name }: Migration): MigrationFinding {
  return {
    kind: 'misplaced',
    migration: name,
    message: 'it asks for no transaction, so it cannot be in one with the others',
    mend: 'leave out --single-transaction'
  }
}

async function applyAll(run: Run, pending: Migration[], singleTransaction: boolean): Promise<string[]> {
  const [first, ...others] = pending
  if (first === undefined) return []
  if (singleTransaction) return applyTogether(run, [first, ...others])
  const applied: string[] = []
  for (const migration of pending) {
    const isStepwise = migration.directives.noTransaction
    applied.push(...(await (isStepwise ? applyStepwise(run, migration) : applyTogether(run, [migration]))))
  }
  return applied
}

function definedOf({ lockWaitMs, lockTimeoutMs, statementTimeoutMs }: MigrationOptions) {
  return withoutUndefined({ lockWaitMs, lockTimeoutMs, statementTimeoutMs })
}

function ignore() {}
