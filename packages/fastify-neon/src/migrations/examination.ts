/**
 * What folder and ledger are, before anything is done about it.
 */

import type { Query } from '../client/single-session.ts'
import { ignore } from './events.ts'
import {
  type FolderFiles,
  type JournalEntry,
  type Migration,
  type MigrationFile,
  readStatements
} from './files/folder.ts'
import type { MigrationFinding } from './findings.ts'
import { type LedgerName, readLedger, type StoredRow } from './ledger/ledger.ts'
import { findEdited, type Progress, readProgress } from './ledger/progress.ts'
import { compareMigrations, type MigrationStatus } from './status.ts'

export interface Compared {
  rows: StoredRow[]
  progress: Progress[]
  status: MigrationStatus
}

export interface Examined {
  status: MigrationStatus
  /** Of the folder, the ledger and the SQL of what is not applied as it stands. */
  findings: MigrationFinding[]
}

/** Folder and ledger, without a look at the SQL. */
export async function compareWithLedger(
  query: Query,
  ledger: LedgerName,
  { journal, files }: FolderFiles
): Promise<Compared> {
  const rows = await readLedger(query, ledger)
  const progress = await readProgress(query, ledger)
  return { rows, progress, status: compareMigrations({ journal, files, rows, progress, ledger }) }
}

/**
 * The SQL of what is applied is read no more: it is what it was. `onPending` gets each migration that is pending, in
 * order; nothing else keeps its statements, which take many times the memory of their text.
 */
export async function examine(
  query: Query,
  ledger: LedgerName,
  folder: FolderFiles,
  onPending: (migration: Migration) => void = ignore
): Promise<Examined> {
  const { progress, status } = await compareWithLedger(query, ledger, folder)
  const pending = new Set(status.pending)
  const isOpen = ({ name }: MigrationFile) =>
    pending.has(name) ||
    status.findings.some(({ kind, migration }) => kind === 'edited' && migration === name)
  const inSql: MigrationFinding[] = []
  const edited: MigrationFinding[] = []
  for await (const { migration, found } of readStatements(folder.files.filter(isOpen))) {
    inSql.push(...found)
    if (!pending.has(migration.name)) continue
    onPending(migration)
    if (found.every(({ kind }) => kind !== 'half-written')) edited.push(...findEdited(progress, migration))
  }
  return {
    status,
    findings: inOrder([...folder.findings, ...inSql, ...status.findings, ...edited], folder.journal)
  }
}

export function inOrder(findings: MigrationFinding[], journal: readonly JournalEntry[]): MigrationFinding[] {
  const places = new Map(journal.map(({ name }, index) => [name, index]))
  const placeOf = ({ migration }: MigrationFinding) => places.get(migration) ?? journal.length
  return findings.toSorted((one, other) => placeOf(one) - placeOf(other))
}
