/**
 * What the branch has done to migrations that are on the base branch, and which of its own come too late.
 */
import {
  findInJournal,
  hashesOf,
  type JournalEntry,
  type Migration,
  type MigrationFinding,
  type MigrationFolder,
  sqlPath
} from 'fastify-neon/migration-files'
import type { Branch, FolderAtCommit } from './branch.ts'

export interface Comparison {
  findings: MigrationFinding[]
  /** Neither on the base branch nor ever taken from it. */
  isNew(migration: Pick<JournalEntry, 'name'>): boolean
}

/** Without a base all are new, and there is nothing to find. `now` in ms since 1970. */
export function compare(folder: MigrationFolder, base: Branch | undefined, now = Date.now()): Comparison {
  if (base === undefined) return { findings: [], isNew: () => true }
  const { ref, tip, fork } = base
  const isNew: Comparison['isNew'] = ({ name }) => !has(tip, name) && !has(fork, name)
  const newest = tip.journal.toSorted((one, other) => other.when - one.when)[0]
  // As npx fastify-neon repair leaves a journal whose times were wrong.
  const isRepaired =
    findInJournal(tip.journal, now).length > 0 && findInJournal(folder.journal, now).length === 0
  const findings = [
    ...folder.migrations
      .filter(migration => isEdited(migration, base))
      .map(({ name }) => editedFinding(name, ref)),
    ...tip.journal.filter(entry => has(fork, entry.name) && !has(folder, entry.name)).map(gone),
    ...(isRepaired ? [] : folder.journal.filter(isMoved).map(moved)),
    ...folder.journal.filter(isNew).flatMap(late)
  ]
  return { findings, isNew }

  function gone({ name, hasFolder }: JournalEntry): MigrationFinding {
    const message = hasFolder
      ? `${ref} has it, and this branch has not`
      : `the journal of ${ref} has it, and the one here has not`
    return { kind: 'missing', migration: name, message, fix: `restore it from ${ref}` }
  }

  function isMoved({ name, when }: JournalEntry): boolean {
    const there = entryOf(tip, name)
    return there !== undefined && there.when !== when && entryOf(fork, name)?.when !== when
  }

  function moved({ name }: JournalEntry): MigrationFinding {
    const message = `its time in the journal is another than on ${ref}`
    return { kind: 'reordered', migration: name, message, fix: `restore the journal from ${ref}` }
  }

  function late({ name, when, hasFolder = false }: JournalEntry): MigrationFinding[] {
    if (newest === undefined || when > newest.when) return []
    const effect = hasFolder
      ? 'it is applied out of order wherever that was applied'
      : 'drizzle-kit would leave it out wherever that was applied'
    const message = `it is older than ${newest.name} on ${ref}, so ${effect}`
    return [{ kind: 'late-merged', migration: name, message, fix: generateAgain(ref, hasFolder) }]
  }
}

/** How to generate a migration again that others have overtaken. */
export function generateAgain(ref: string, hasFolder = false): string {
  return hasFolder
    ? `take ${ref} into the branch, delete the folder of this migration, and run npx drizzle-kit generate`
    : `take ${ref} into the branch with its journal and snapshots, delete this file, and run npx drizzle-kit generate`
}

export function collision(migration: string, message: string): MigrationFinding {
  return { kind: 'snapshot-collision', migration, message }
}

function editedFinding(migration: string, ref: string): MigrationFinding {
  return { kind: 'edited', migration, message: `the file is another than on ${ref}` }
}

/** Here, and not on the base branch since. */
function isEdited(migration: Migration, { tip, fork }: Branch): boolean {
  const { name, hashes } = migration
  const path = sqlPath(migration)
  const there = tip.files.get(path)
  if (there === undefined || !has(tip, name) || isSame(hashes, there)) return false
  const before = fork.files.get(path)
  return before === undefined || !isSame(hashes, before)
}

function isSame(hashes: ReadonlySet<string>, text: string): boolean {
  return [...hashesOf(text).hashes].some(hash => hashes.has(hash))
}

function has(folder: Pick<FolderAtCommit, 'journal'>, name: string): boolean {
  return entryOf(folder, name) !== undefined
}

function entryOf({ journal }: Pick<FolderAtCommit, 'journal'>, name: string): JournalEntry | undefined {
  return journal.find(entry => entry.name === name)
}
