/**
 * What the ledger and the folder say together: two sets, compared by the time that names a migration.
 */
import type { MigrationFinding } from './findings.ts'
import type { JournalEntry, MigrationFile } from './folder.ts'
import type { LedgerRow } from './ledger.ts'
import type { Progress } from './progress.ts'

export interface MigrationStatus {
  /** Names, in the order of the journal. */
  applied: string[]
  pending: string[]
  /** Rows of the ledger that the folder does not know: the database is ahead, as while a release is taken back. */
  unknown: number
  /** Names of those that are in the ledger more than once, as after two runs of drizzle-kit at once. */
  repeated: string[]
  findings: MigrationFinding[]
}

export interface Compared {
  journal: JournalEntry[]
  /** Those whose file is there. */
  files: Pick<MigrationFile, 'name' | 'when' | 'hashes'>[]
  rows: LedgerRow[]
  progress: Progress[]
}

export function compareMigrations({ journal, files, rows, progress }: Compared): MigrationStatus {
  const listed = new Set(journal.map(({ when }) => when))
  const unknown = rows.filter(({ createdAt }) => !listed.has(createdAt))
  const newest = Math.max(...rows.map(({ createdAt }) => createdAt))
  const status: MigrationStatus = { applied: [], pending: [], unknown: 0, repeated: [], findings: [] }
  const moved = new Set<LedgerRow>()

  for (const { name, when } of journal) {
    const hashes = files.find(file => file.name === name)?.hashes
    const isAlone = journal.filter(entry => entry.when === when).length === 1
    const own = rows.filter(row => row.createdAt === when && (isAlone || hashes?.has(row.hash)))
    const elsewhere = unknown.find(row => !moved.has(row) && hashes?.has(row.hash))
    const [last] = own.slice(-1)
    if (last !== undefined) {
      status.applied.push(name)
      if (own.length > 1) status.repeated.push(name)
      if (hashes && !hashes.has(last.hash)) find('edited', name, 'the file was changed after it was applied')
    } else if (elsewhere) {
      moved.add(elsewhere)
      status.applied.push(name)
      find('reordered', name, 'its time in the journal was changed after it was applied')
    } else addPending(name, when, hashes)
  }
  return { ...status, unknown: unknown.length - moved.size }

  function addPending(name: string, when: number, hashes: ReadonlySet<string> | undefined) {
    status.pending.push(name)
    // Drizzle applies what is newer than the newest applied one, and nothing else.
    if (when <= newest) find('late-merged', name, 'one that is newer was applied before it')
    else find('pending', name, 'not applied yet')
    const stopped = progress.find(({ createdAt }) => createdAt === when)
    if (stopped === undefined) return
    find('interrupted', name, `a run ended in the middle of it, after ${stopped.done} of its statements`)
    if (hashes && !hashes.has(stopped.hash))
      find('edited', name, 'the file was changed after a part of it was applied')
  }

  function find(kind: MigrationFinding['kind'], migration: string, message: string) {
    status.findings.push({ kind, migration, message })
  }
}
