/**
 * What the ledger and the folder say together: two sets, compared by the time that names a migration, and by the
 * hash of its file where the time was changed.
 */
import type { MigrationFinding } from './findings.ts'
import { type JournalEntry, type MigrationFile, restoreChanged } from './folder.ts'
import { DRIZZLE_LEDGER, type LedgerName, type LedgerRow } from './ledger.ts'
import type { Progress } from './progress.ts'

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
export const OWN_LEDGER = 'npm run db:migrate -- --ledger SCHEMA.TABLE, a ledger of its own'

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

/** Which row is whose: by its time, or, where the folder has no such time, by its hash. */
export function matchRows<Row extends LedgerRow>({
  journal,
  files,
  rows
}: Pick<Compared, 'journal' | 'files'> & { rows: Row[] }): Matches<Row> {
  const times = new Map<number, number>()
  for (const { when } of journal) times.set(when, (times.get(when) ?? 0) + 1)
  const hashesByName = new Map(files.map(({ name, hashes }) => [name, hashes]))
  const unknown = new Set(rows.filter(({ createdAt }) => !times.has(createdAt)))
  const migrations = journal.map(({ name, when }) => {
    const hashes = hashesByName.get(name)
    const own = rows.filter(row => row.createdAt === when && (times.get(when) === 1 || hashes?.has(row.hash)))
    const moved = own.length > 0 ? [] : [...unknown].filter(row => hashes?.has(row.hash)).slice(0, 1)
    for (const row of moved) unknown.delete(row)
    return { name, when, hashes, rows: [...own, ...moved] }
  })
  return { migrations, unknown: [...unknown] }
}

/** Where a run stopped in the middle of the migration: by its time, or, where the folder has no such time, by its hash. */
export function progressOf(
  { when, hashes }: Pick<Match, 'when' | 'hashes'>,
  { journal, progress }: Pick<Compared, 'journal' | 'progress'>
): Progress | undefined {
  const isMoved = ({ createdAt, hash }: Progress) =>
    hashes?.has(hash) === true && !journal.some(entry => entry.when === createdAt)
  return progress.find(({ createdAt }) => createdAt === when) ?? progress.find(isMoved)
}

export function compareMigrations(compared: Compared): MigrationStatus {
  const { migrations, unknown } = matchRows(compared)
  const { schema, table } = compared.ledger ?? DRIZZLE_LEDGER
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
  return status

  function addApplied({ name, when, hashes, rows }: Match) {
    status.applied.push(name)
    if (rows.length > 1) find('doubled', name, `the ledger has ${rows.length} rows of it`)
    if (rows.some(({ createdAt }) => createdAt !== when)) {
      if (unknown.length === 0)
        find('restamped', name, 'its time in the journal was changed after it was applied')
      else
        find(
          'restamped',
          name,
          'its row in the ledger has another time, and the ledger has rows that are not of this folder: the row may be of another folder that has the same text',
          `for another folder, ${OWN_LEDGER}; for migrations that were deleted, npm run db:repair -- --forget-unknown`
        )
    }
    if (hashes && !hashes.has(`${rows.at(-1)?.hash}`))
      find(
        'edited',
        name,
        'the file was changed after it was applied, or another folder writes to the same ledger, at the same time',
        `${restoreChanged(`FOLDER/${name}.sql`)}; when nothing but words was changed, run npm run db:mark-applied -- ${name}; for another folder, ${OWN_LEDGER}`
      )
  }

  function addPending({ name, when, hashes }: Match, isLate: boolean) {
    status.pending.push(name)
    if (when <= newestUnknown)
      find(
        'shared-ledger',
        name,
        `the ledger has a row of ${new Date(newestUnknown).toISOString()}, which is newer and not of this folder: another folder or branch writes to the same ledger`,
        `${
          lastApplied < 0
            ? `for another folder, ${OWN_LEDGER}`
            : `for another folder, npm run db:mark-applied -- --baseline --ledger SCHEMA.TABLE --from-ledger ${schema}.${table}, and npm run db:migrate -- --ledger SCHEMA.TABLE`
        }; for another branch, npm run db:migrate -- --apply-late; for a migration that was deleted, npm run db:repair -- --forget-unknown, which takes its row out of the ledger, while what it made stays in the database`
      )
    else if (isLate) find('late-merged', name, 'one that comes after it was applied before it')
    else find('pending', name, 'not applied yet')
    const stopped = progressOf({ when, hashes }, compared)
    if (stopped === undefined) return
    if (stopped.createdAt !== when)
      return find(
        'restamped',
        name,
        'a run ended in the middle of it, and its time in the journal was changed since: it would be applied from its start'
      )
    find('interrupted', name, `a run ended in the middle of it, after ${stopped.done} of its statements`)
  }

  function find(kind: MigrationFinding['kind'], migration: string, message: string, mend?: string) {
    status.findings.push({ kind, migration, message, ...(mend !== undefined && { mend }) })
  }
}
