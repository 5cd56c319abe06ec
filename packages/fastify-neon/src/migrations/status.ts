/**
 * What the ledger and the folder say together: two sets, compared by the time that names a migration, or by the name of
 * its folder, and by the hash of its file where that was changed.
 */

import { hasFolders, type JournalEntry, type MigrationFile, restoreChanged } from './files/folder.ts'
import { sqlPath } from './files/layout.ts'
import type { MigrationFinding } from './findings.ts'
import { DRIZZLE_LEDGER, type LedgerName, type LedgerRow } from './ledger/ledger.ts'
import { isProgressOf, type Progress } from './ledger/progress.ts'

export interface MigrationStatus {
  /** Names, in the order of the journal. */
  applied: string[]
  pending: string[]
  /** Rows of the ledger that the folder does not know. */
  unknown: number
  /** Whether one of those is newer than all of the folder that are applied, as while a release is taken back. */
  isAhead: boolean
  findings: MigrationFinding[]
}

export interface Compared {
  journal: JournalEntry[]
  /** Those whose file is there. */
  files: Pick<MigrationFile, 'name' | 'when' | 'hashes'>[]
  rows: LedgerRow[]
  progress: Progress[]
  /** Where the rows are. @default drizzle.__drizzle_migrations */
  ledger?: LedgerName
}

/** What to do where two folders write to one. */
export const OWN_LEDGER = 'npx fastify-neon migrate --ledger SCHEMA.TABLE, a ledger of its own'

/** A migration, and its rows in the ledger. */
export interface Match<Row = LedgerRow> extends JournalEntry {
  hashes: ReadonlySet<string> | undefined
  /** Empty for one that is pending. */
  rows: Row[]
}

export interface Matches<Row = LedgerRow> {
  /** In the order of the journal. */
  migrations: Match<Row>[]
  /** Of no migration of the folder. */
  unknown: Row[]
}

/** Which row is whose: by its time or name, or, where the folder has no such time or name, by its hash. */
export function matchRows<Row extends LedgerRow>({
  journal,
  files,
  rows
}: Pick<Compared, 'journal' | 'files'> & { rows: Row[] }): Matches<Row> {
  const hashesByName = new Map(files.map(({ name, hashes }) => [name, hashes]))
  const { isKnown, isOwn } = (hasFolders(journal) ? byName : byTime)(journal, hashesByName, rows)
  const unknown = new Set(rows.filter(row => !isKnown(row)))
  const migrations = journal.map(entry => {
    const hashes = hashesByName.get(entry.name)
    const own = rows.filter(row => isOwn(entry, row))
    const moved = own.length > 0 ? [] : [...unknown].filter(row => hashes?.has(row.hash)).slice(0, 1)
    for (const row of moved) unknown.delete(row)
    return { ...entry, hashes, rows: [...own, ...moved] }
  })
  return { migrations, unknown: [...unknown] }
}

interface Identity {
  isKnown(row: LedgerRow): boolean
  isOwn(entry: JournalEntry, row: LedgerRow): boolean
}

type Hashes = ReadonlyMap<string, ReadonlySet<string>>

function byTime(journal: readonly JournalEntry[], hashes: Hashes): Identity {
  const times = new Map<number, number>()
  for (const { when } of journal) times.set(when, (times.get(when) ?? 0) + 1)
  return {
    isKnown: ({ createdAt }) => times.has(createdAt),
    isOwn: ({ name, when }, { createdAt, hash }) =>
      createdAt === when && (times.get(when) === 1 || hashes.get(name)?.has(hash) === true)
  }
}

/** A row of 0.x has no name: it is found as Drizzle 1.0 does when it upgrades the ledger. */
function byName(journal: readonly JournalEntry[], hashes: Hashes, rows: readonly LedgerRow[]): Identity {
  const known = new Set(journal.map(({ name }) => name))
  const names = new Map(rows.map(row => [row, row.name ?? oldNameOf(row)]))
  return {
    isKnown: row => known.has(`${names.get(row)}`),
    isOwn: ({ name }, row) => names.get(row) === name
  }

  /** By the second, and by the hash where that does not tell. */
  function oldNameOf({ hash, ...row }: LedgerRow): string | undefined {
    const has = ({ name }: JournalEntry) => hashes.get(name)?.has(hash) === true
    const [first, ...others] = journal.filter(entry => isOfSecond(entry, row))
    if (first === undefined) return journal.findLast(has)?.name
    return others.length === 0 ? first.name : [first, ...others].find(has)?.name
  }
}

/** Whether it was written by 0.x: the time in the name of a folder has no milliseconds. */
function isOfSecond(
  { when, hasFolder }: Pick<JournalEntry, 'when' | 'hasFolder'>,
  { createdAt, name }: Pick<LedgerRow, 'createdAt' | 'name'>
): boolean {
  return hasFolder === true && name == null && createdAt - (createdAt % 1000) === when
}

/** Where a run stopped in the middle of the migration: by its time or name, or, where the folder has no such one, by its hash. */
export function progressOf(
  migration: Pick<Match, 'name' | 'when' | 'hasFolder' | 'hashes'>,
  { journal, progress }: Pick<Compared, 'journal' | 'progress'>
): Progress | undefined {
  const isMoved = (stopped: Progress) =>
    (migration.hashes?.has(stopped.hash) === true || isOfSecond(migration, stopped)) &&
    !journal.some(entry => isProgressOf(entry, stopped))
  return progress.find(stopped => isProgressOf(migration, stopped)) ?? progress.find(isMoved)
}

/** Whether the row has the time, or the name, that its migration has. In a ledger of 0.x folders are found by the second. */
export function isPlaced({ name, when, hasFolder }: JournalEntry, row: LedgerRow): boolean {
  return hasFolder ? row.name === name || row.name === undefined : row.createdAt === when
}

export function compareMigrations(compared: Compared): MigrationStatus {
  const { migrations, unknown } = matchRows(compared)
  const { schema, table } = compared.ledger ?? DRIZZLE_LEDGER
  const isOfFolders = hasFolders(compared.journal)
  const lastApplied = migrations.findLastIndex(({ rows }) => rows.length > 0)
  const newestUnknown = Math.max(...unknown.map(({ createdAt }) => createdAt))
  const status: MigrationStatus = {
    applied: [],
    pending: [],
    unknown: unknown.length,
    isAhead:
      unknown.length > 0 && migrations.every(({ when, rows }) => rows.length === 0 || when < newestUnknown),
    findings: []
  }
  for (const [index, migration] of migrations.entries()) {
    if (migration.rows.length > 0) addApplied(migration)
    else addPending(migration, index < lastApplied)
  }
  const last = status.pending[0] ?? status.applied.at(-1)
  if (isOfFolders && last !== undefined && unknown.some(({ name }) => name === undefined))
    find(
      'unmatched',
      last,
      `the ledger is one of Drizzle 0.x, and ${unknown.length} of its rows match no file of the folder, so it is not upgraded`
    )
  return status

  function addApplied(migration: Match) {
    const { name, hashes, rows } = migration
    status.applied.push(name)
    if (rows.length > 1) find('doubled', name, `the ledger has ${rows.length} rows of it`)
    if (rows.some(row => !isPlaced(migration, row))) {
      if (rows.some(row => row.name === null))
        find('restamped', name, 'its row in the ledger has no name, as Drizzle 0.x writes it')
      else if (unknown.length === 0)
        find(
          'restamped',
          name,
          `${isOfFolders ? 'its folder was renamed' : 'its time in the journal was changed'} after it was applied`
        )
      else
        find(
          'restamped',
          name,
          'its row in the ledger has another time or name, and the ledger has rows that are not of this folder: the row may be of another folder that has the same text',
          `for another folder, ${OWN_LEDGER}; for migrations that were deleted, npx fastify-neon repair --forget-unknown`
        )
    }
    if (hashes && !hashes.has(`${rows.at(-1)?.hash}`))
      find(
        'edited',
        name,
        'the file was changed after it was applied, or another folder writes to the same ledger, at the same time',
        `${restoreChanged(`FOLDER/${sqlPath(migration)}`)}; when nothing but words was changed, run npx fastify-neon mark-applied ${name}; for another folder, ${OWN_LEDGER}`
      )
  }

  function addPending(migration: Match, isLate: boolean) {
    const { name, when } = migration
    status.pending.push(name)
    if (when <= newestUnknown)
      find(
        'shared-ledger',
        name,
        `the ledger has a row of ${new Date(newestUnknown).toISOString()}, which is newer and not of this folder: another folder or branch writes to the same ledger`,
        `${
          lastApplied < 0
            ? `for another folder, ${OWN_LEDGER}`
            : `for another folder, npx fastify-neon mark-applied --baseline --ledger SCHEMA.TABLE --from-ledger ${schema}.${table}, and npx fastify-neon migrate --ledger SCHEMA.TABLE`
        }; for another branch, npx fastify-neon migrate --apply-late; for a migration that was deleted, npx fastify-neon repair --forget-unknown, which takes its row out of the ledger, while what it made stays in the database`
      )
    else if (isLate) find('late-merged', name, 'one that comes after it was applied before it')
    else find('pending', name, 'not applied yet')
    const stopped = progressOf(migration, compared)
    if (stopped === undefined) return
    if (!isProgressOf(migration, stopped))
      return find(
        'restamped',
        name,
        `a run ended in the middle of it, and its ${isOfFolders ? 'folder was renamed' : 'time in the journal was changed'} since: it would be applied from its start`
      )
    find('interrupted', name, `a run ended in the middle of it, after ${stopped.done} of its statements`)
  }

  function find(kind: MigrationFinding['kind'], migration: string, message: string, fix?: string) {
    status.findings.push({ kind, migration, message, ...(fix !== undefined && { fix }) })
  }
}
