/**
 * What folder and ledger are, before anything is done about it.
 */
import type { MigrationFinding } from './findings.ts'
import {
  type FolderFiles,
  type JournalEntry,
  type Migration,
  type MigrationFile,
  readStatements
} from './folder.ts'
import { type LedgerName, readLedger, type StoredRow } from './ledger.ts'
import { findEdited, type Progress, readProgress } from './progress.ts'
import type { Query } from './session.ts'
import { compareMigrations, type MigrationStatus } from './status.ts'

export interface Examined {
  rows: StoredRow[]
  progress: Progress[]
  status: MigrationStatus
  /** With their statements. */
  pending: Migration[]
  /** Of the folder, the ledger and the SQL of what is not applied as it stands. */
  findings: MigrationFinding[]
}

/** The SQL of what is applied is read no more: it is what it was. */
export async function examine(query: Query, ledger: LedgerName, folder: FolderFiles): Promise<Examined> {
  const { journal, files } = folder
  const rows = await readLedger(query, ledger)
  const progress = await readProgress(query, ledger)
  const status = compareMigrations({ journal, files, rows, progress, ledger })
  const isOpen = ({ name }: MigrationFile) =>
    status.pending.includes(name) ||
    status.findings.some(({ kind, migration }) => kind === 'edited' && migration === name)
  const { migrations, findings } = await readStatements(files.filter(isOpen))
  const pending = migrations.filter(({ name }) => status.pending.includes(name))
  const isRead = ({ name }: Migration) =>
    !findings.some(({ kind, migration }) => kind === 'half-written' && migration === name)
  const edited = findEdited(progress, pending.filter(isRead))
  return {
    rows,
    progress,
    status,
    pending,
    findings: inOrder([...folder.findings, ...findings, ...status.findings, ...edited], journal)
  }
}

export function inOrder(findings: MigrationFinding[], journal: readonly JournalEntry[]): MigrationFinding[] {
  const places = new Map(journal.map(({ name }, index) => [name, index]))
  const placeOf = ({ migration }: MigrationFinding) => places.get(migration) ?? journal.length
  return findings.toSorted((one, other) => placeOf(one) - placeOf(other))
}
