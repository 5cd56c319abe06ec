/**
 * Reads the snapshots that drizzle-kit generates from. Each names those before it, so that two of the same one, or a
 * gap, are migrations that do not know of each other.
 */
import { hasFolders, type JournalEntry, type MigrationFinding } from 'fastify-neon/migration-files'
import type { Branch } from '../branch.ts'
import { readFolderSnapshots } from './folder-snapshots.ts'
import { readJournalSnapshots } from './journal-snapshots.ts'

export interface Snapshots {
  findings: MigrationFinding[]
  /** Of the migrations whose snapshot can be read. */
  names: ReadonlySet<string>
  /** Of a column once a migration is applied, as far as the snapshots tell; the table as `schema.name`. */
  typeAfter(migration: string, table: string, column: string): string | undefined
  /** Those of the branch that were generated beside one that has landed since it left. */
  compareWith(branch: Branch, isNew: (entry: { name: string }) => boolean): MigrationFinding[]
}

/** Of either line of Drizzle. */
export function readSnapshots(folder: string, journal: readonly JournalEntry[]): Promise<Snapshots> {
  return hasFolders(journal) ? readFolderSnapshots(folder, journal) : readJournalSnapshots(folder, journal)
}
