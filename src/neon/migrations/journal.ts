/**
 * Corrects the journal of drizzle-kit: times that rise and are past, and the names of files that were renamed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FolderFiles, hashesOf, isFutureDated, type JournalEntry, numberOf } from './folder.ts'

/** An entry as it is to be. */
export interface Correction {
  from: JournalEntry
  to: JournalEntry
}

/** `now` in ms since 1970. In the order of the journal; without those that stay. */
export function correctJournal(folder: FolderFiles, now: number): Correction[] {
  const names = renamed(folder)
  return withRisingTimes(folder.journal, now)
    .map(({ from, when }) => ({ from, to: { name: names.get(from.name) ?? from.name, when } }))
    .filter(({ from, to }) => to.name !== from.name || to.when !== from.when)
}

/** Those that rise and are past stay; the others come right behind the one before, and the last at `now`. */
function withRisingTimes(journal: readonly JournalEntry[], now: number) {
  const lastPast = journal.findLastIndex(({ when }) => !isFutureDated(when, now))
  let before = -1
  return journal.map((from, index) => {
    const wanted = isFutureDated(from.when, now) ? (index > lastPast ? now : before + 1) : from.when
    before = Math.max(wanted, before + 1)
    return { from, when: before }
  })
}

/** The only file of the same number takes the place of one that is not there. */
function renamed({ journal, files, unlisted }: FolderFiles): Map<string, string> {
  const isThere = ({ name }: JournalEntry) => files.some(file => file.name === name)
  return new Map(
    journal.flatMap(entry => {
      const others = isThere(entry) ? [] : unlisted.filter(name => numberOf(name) === numberOf(entry.name))
      const [other] = others
      return other !== undefined && others.length === 1 ? [[entry.name, other] as const] : []
    })
  )
}

export async function readHashes(path: string, name: string): Promise<ReadonlySet<string>> {
  return hashesOf(await readFile(join(path, `${name}.sql`), 'utf8')).hashes
}

interface JournalFile {
  entries: { tag: string; when: number }[]
}

/** In the layout of drizzle-kit, with whatever else is in it. */
export async function writeJournal(path: string, corrections: readonly Correction[]): Promise<void> {
  const file = join(path, 'meta', '_journal.json')
  const journal: JournalFile = JSON.parse(await readFile(file, 'utf8'))
  const entries = journal.entries.map(entry => {
    const to = corrections.find(({ from }) => from.name === entry.tag)?.to
    return to ? { ...entry, tag: to.name, when: to.when } : entry
  })
  await writeFile(file, JSON.stringify({ ...journal, entries }, null, 2))
}
