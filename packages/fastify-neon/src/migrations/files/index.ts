/**
 * The files of migrations as the package reads them, for tools that examine them.
 */
export { exitCodeOf, fixOf, type MigrationFinding } from '../findings.ts'
export type { Allowance } from './directives.ts'
export {
  findInJournal,
  hasFolders,
  hashesOf,
  type JournalEntry,
  type Migration,
  type MigrationFolder,
  parseJournal,
  readMigrationFolder
} from './folder.ts'
export { JOURNAL, listFolders, snapshotPath, sqlPath, toFolderEntry } from './layout.ts'
export { applySnapshot, type SchemaState } from './schema-state.ts'
export { hasOption, isConcurrentDetach, type Statement } from './statements.ts'
