/**
 * Corrects the journal of drizzle-kit: times that rise and are past, and the names of files that were renamed.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashesOf, isFutureDated, type JournalEntry } from './folder.ts'

/** An entry as it is to be. */
export interface Correction {
  from: JournalEntry
  to: JournalEntry
}

/**
 * `now` in ms since 1970; `renamed` are new names by those in the journal. In the order of the journal; without those
 * that stay.
 */
export function correctJournal(
  journal: readonly JournalEntry[],
  { now, renamed }: { now: number; renamed: ReadonlyMap<string, string> }
): Correction[] {
  return withRisingTimes(journal, now)
    .map(({ from, when }) => ({ from, to: { name: renamed.get(from.name) ?? from.name, when } }))
    .filter(({ from, to }) => to.name !== from.name || to.when !== from.when)
}

/**
 * Those that rise and are past stay. The others come right behind the one before; the first ones right before those
 * that follow, and the last ones at `now`.
 */
function withRisingTimes(journal: readonly JournalEntry[], now: number) {
  const isPast = ({ when }: JournalEntry) => !isFutureDated(when, now)
  const firstPast = journal.findIndex(isPast)
  const lastPast = journal.findLastIndex(isPast)
  let before = -1
  return journal.map((from, index) => {
    before = Math.max(wanted(from, index), before + 1)
    return { from, when: before }
  })

  function wanted(entry: JournalEntry, index: number): number {
    if (isPast(entry)) return entry.when
    if (index > lastPast) return now
    return index < firstPast ? Number(journal[firstPast]?.when) - (firstPast - index) : before + 1
  }
}

export async function readHashes(path: string, name: string): Promise<ReadonlySet<string>> {
  return hashesOf(await readFile(join(path, `${name}.sql`), 'utf8')).hashes
}

interface JournalFile {
  entries: { tag: string; when: number }[]
}

/** In the layout of drizzle-kit, with whatever else is in it. */
export async function writeJournal(path: string, corrections: readonly Correction[]): Promise<void> {
  if (corrections.length === 0) return
  const file = join(path, 'meta', '_journal.json')
  const journal: JournalFile = JSON.parse(await readFile(file, 'utf8'))
  const entries = journal.entries.map(entry => {
    const to = corrections.find(({ from }) => from.name === entry.tag)?.to
    return to ? { ...entry, tag: to.name, when: to.when } : entry
  })
  await writeFile(file, JSON.stringify({ ...journal, entries }, null, 2))
}
