/**
 * Applies the generated migrations, each once however many runs there are, and tells which are applied:
 * on one connection to the direct host, in drizzle-kit's own ledger.
 */
import { relative } from 'node:path'
import type { Query } from '../client/single-session.ts'
import { withoutUndefined } from '../runtime/without-undefined.ts'
import { applyStepwise, applyTogether } from './apply.ts'
import { ignore } from './events.ts'
import { examine, inOrder } from './examination.ts'
import { RefusedMigrations } from './failed.ts'
import {
  type FolderFiles,
  hasFolders,
  type JournalEntry,
  type Migration,
  type MigrationFile,
  readFolder
} from './files/folder.ts'
import { findInvalidIndexes } from './files/indexes.ts'
import { createMadeReader } from './files/snapshot.ts'
import { type ChangeOptions, type MigrationSource, withLockedSession, withSession } from './files/source.ts'
import type { MigrationFinding } from './findings.ts'
import { createLedger } from './ledger/ledger.ts'
import { upgradeLedger } from './ledger/upgrade.ts'
import {
  findMissingTables,
  findUnrecorded,
  list,
  readCatalog,
  readRelations,
  schemaMissing
} from './schema.ts'
import type { MigrationStatus } from './status.ts'
import type { Run } from './transaction.ts'

export type { MigrationEvent, MigrationListener } from './events.ts'
export { FailedMigration, type MigrationFailure, RefusedMigrations } from './failed.ts'
export type { MigrationSource } from './files/source.ts'
export { exitCodeOf, fixOf, MIGRATION_FINDINGS, type MigrationFinding } from './findings.ts'
export type { LedgerName } from './ledger/ledger.ts'
export { type Mark, type MarkOptions, type MarkReport, markApplied } from './ledger/mark-applied.ts'
export { type RepairOptions, type RepairReport, repairMigrations } from './ledger/repair.ts'
export type { MigrationStatus } from './status.ts'

export interface MigrationOptions extends ChangeOptions {
  /** Longest wait of a statement for a lock on a table, in ms. @default 10 000: whatever comes after it waits behind it */
  lockTimeoutMs?: number
  /** Longest time of one statement, in ms; 0 is none. A migration may set its own. @default 300 000 */
  statementTimeoutMs?: number
  /** All that are pending in one transaction, in place of one each. @default false */
  singleTransaction?: boolean
  /** Also those that are older than the newest applied one. @default false */
  applyLate?: boolean
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
  plan: Pick<MigrationFile, 'name' | 'file' | 'text'>[]
  /** Qualified names. */
  invalidIndexes: string[]
  total: number
}

const LIMITS = { lockTimeoutMs: 10_000, statementTimeoutMs: 300_000 }

/**
 * Throws FST_NEON_URL_INVALID and FST_NEON_POOLED_HOST; FST_NEON_MIGRATIONS_INVALID and
 * FST_NEON_MIGRATIONS_MIXED for a folder that is none; a DatabaseFailure
 * when there is no connection; FST_NEON_MIGRATIONS_LOCKED; a RefusedMigrations, before anything is done, when
 * something is wrong with what is pending; and a FailedMigration. Those before the failed one stay applied.
 */
export async function applyMigrations(options: MigrationOptions): Promise<MigrationRun> {
  const { report = ignore, applyLate = false, singleTransaction = false } = options
  const limits = { ...LIMITS, ...definedOf(options) }
  const folder = await readFolder(options.folder)
  return withLockedSession(options, async (session, ledger) => {
    const pending: Migration[] = []
    const { status, findings } = await examine(session.query, ledger, folder, migration =>
      pending.push(migration)
    )
    const wrong = [...findings, ...(await findEmptyBaseline(session.query, folder, pending))]
    const others = refuse(status, wrong, { journal: folder.journal, pending, applyLate, singleTransaction })
    const isOfFolders = hasFolders(folder.journal)
    if (isOfFolders) await upgradeLedger(session.query, ledger, folder)
    if (pending.length > 0) await createLedger(session.query, ledger, isOfFolders)
    const run: Run = { session, ledger, report, ...limits }
    const applied = await applyAll(run, pending, singleTransaction)
    for (const index of await findInvalidIndexes(session.query))
      report({ type: 'invalid-index-found', index })
    const lost = await findLost(session.query, folder, status, applied)
    return { applied, total: folder.journal.length, findings: [...others, ...lost] }
  })
}

/** Changes nothing, and needs no lock. Throws as `applyMigrations` does. */
export async function readMigrationStatus(source: MigrationSource): Promise<MigrationReport> {
  const folder = await readFolder(source.folder)
  return withSession(source, ignore, async ({ query }, ledger) => {
    const { status, findings } = await examine(query, ledger, folder)
    const catalog = await readCatalog(query)
    const newest = `${status.applied.at(-1)}`
    return {
      ...status,
      findings: inOrder(
        [
          ...findings,
          ...schemaMissing(newest, await findMissingTables(folder, status, catalog)),
          ...(await findUnrecorded(folder, status, catalog))
        ],
        folder.journal
      ),
      plan: folder.files.filter(({ name }) => status.pending.includes(name)),
      invalidIndexes: await findInvalidIndexes(query),
      total: folder.journal.length
    }
  })
}

/** After the run, since what was pending may have dropped a table. */
async function findLost(
  query: Query,
  folder: FolderFiles,
  { applied: before, isAhead }: MigrationStatus,
  now: string[]
): Promise<MigrationFinding[]> {
  const isApplied = (name: string) => before.includes(name) || now.includes(name)
  const applied = folder.journal.map(({ name }) => name).filter(isApplied)
  const tables = await findMissingTables(
    folder,
    { applied, pending: [], isAhead },
    await readRelations(query)
  )
  return schemaMissing(`${applied.at(-1)}`, tables)
}

/** One that drizzle-kit pull has written is a comment, and makes nothing where its tables are not. */
async function findEmptyBaseline(
  query: Query,
  folder: FolderFiles,
  pending: Migration[]
): Promise<MigrationFinding[]> {
  const baseline = pending.find(({ name }) => name === folder.journal[0]?.name)
  if (baseline === undefined || baseline.statements.length > 0) return []
  const catalog = await readCatalog(query)
  const made = await createMadeReader(folder)(baseline.name)
  const missing = made.filter(object => !catalog.has(object))
  if (missing.length === 0) return []
  return [
    {
      kind: 'half-written',
      migration: baseline.name,
      message: `its statements are a comment, and the database does not have ${list(missing)}`,
      fix: `take the comment marks out of ${relative('', baseline.file)}, so that it makes them`
    }
  ]
}

interface Wanted {
  journal: readonly JournalEntry[]
  pending: Migration[]
  applyLate: boolean
  singleTransaction: boolean
}

/** What is wrong with a migration that was applied long ago is told, and stops nobody. Throws RefusedMigrations. */
function refuse(
  status: MigrationStatus,
  findings: MigrationFinding[],
  { journal, pending, applyLate, singleTransaction }: Wanted
): MigrationFinding[] {
  const isPending = ({ migration }: MigrationFinding) => status.pending.includes(migration)
  const refused = [
    ...findings.filter(finding => isPending(finding) && !isFine(finding)),
    ...(singleTransaction ? pending.filter(({ directives }) => directives.noTransaction).map(cannotJoin) : [])
  ]
  if (refused.length > 0) throw new RefusedMigrations(refused)
  return findings.filter(finding => !isPending(finding) || finding.kind === 'reordered')

  function isFine({ kind, migration }: MigrationFinding): boolean {
    if (kind === 'late-merged' || kind === 'shared-ledger') return applyLate
    return (
      kind === 'pending' || kind === 'interrupted' || (kind === 'reordered' && isBehindApplied(migration))
    )
  }

  /** Of what is applied the order is known, whatever its times say. */
  function isBehindApplied(migration: string): boolean {
    return journal.some(
      ({ name, when }, place) =>
        name === migration &&
        journal.slice(0, place).every(before => before.when < when || status.applied.includes(before.name))
    )
  }
}

function cannotJoin({ name }: Migration): MigrationFinding {
  return {
    kind: 'misplaced',
    migration: name,
    message: 'it asks for no transaction, so it cannot be in one with the others',
    fix: 'leave out --single-transaction'
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

function definedOf({ lockTimeoutMs, statementTimeoutMs }: MigrationOptions) {
  return withoutUndefined({ lockTimeoutMs, statementTimeoutMs })
}
