/**
 * What the ledger and the folder say together: two sets, compared by the time that names a migration, and by the
 * hash of its file where the time was changed.
 */
import type { MigrationFinding } from './findings.ts'
import type { JournalEntry, MigrationFile } from './folder.ts'
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
    if (rows.some(({ createdAt }) => createdAt !== when))
      find('restamped', name, 'its time in the journal was changed after it was applied')
    if (hashes && !hashes.has(`${rows.at(-1)?.hash}`))
      find(
        'edited',
        name,
        'the file was changed after it was applied, or another folder writes to the same ledger, at the same time',
        `restore the file; when nothing but words was changed, run npm run db:mark-applied -- ${name}`
      )
  }

  function addPending({ name, when }: Match, isLate: boolean) {
    status.pending.push(name)
    if (when <= newestUnknown)
      find(
        'shared-ledger',
        name,
        `the ledger has a row of ${new Date(newestUnknown).toISOString()}, which is newer and not of this folder: another folder or branch writes to the same ledger`,
        lastApplied < 0
          ? undefined
          : `for another folder, npm run db:mark-applied -- --baseline --ledger SCHEMA.TABLE --from-ledger ${schema}.${table}, and npm run db:migrate -- --ledger SCHEMA.TABLE; for another branch, npm run db:migrate -- --apply-late`
      )
    else if (isLate) find('late-merged', name, 'one that comes after it was applied before it')
    else find('pending', name, 'not applied yet')
    const stopped = compared.progress.find(({ createdAt }) => createdAt === when)
    if (stopped !== undefined)
      find('interrupted', name, `a run ended in the middle of it, after ${stopped.done} of its statements`)
  }

  function find(kind: MigrationFinding['kind'], migration: string, message: string, mend?: string) {
    status.findings.push({ kind, migration, message, ...(mend !== undefined && { mend }) })
  }
}
