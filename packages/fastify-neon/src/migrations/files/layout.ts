/**
 * The two layouts of a folder of migrations: that of Drizzle 0.x has a journal, `NNNN_name.sql` and
 * `meta/NNNN_snapshot.json`; that of Drizzle 1.0 has a folder for each migration, and no journal.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MigrationsInvalidError, MigrationsMixedError } from '../../errors/errors.ts'
import type { JournalEntry } from './folder.ts'

export const JOURNAL = 'meta/_journal.json'

const PART_OF_FOLDER = /^([^/]+)\/(?:migration\.sql|snapshot\.json)$/
const STAMP = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/

type Named = Pick<JournalEntry, 'name' | 'hasFolder'>

/** In the folder. */
export function sqlPath({ name, hasFolder }: Named): string {
  return hasFolder ? `${name}/migration.sql` : `${name}.sql`
}

/** In the folder. */
export function snapshotPath({ name, hasFolder }: Named): string {
  return hasFolder ? `${name}/snapshot.json` : `meta/${numberOf(name)}_snapshot.json`
}

/** What stands before the first _ of the name, as drizzle-kit 0.x numbers them. */
export function numberOf(migration: string): string {
  return `${migration.split('_')[0]}`
}

/** As `drizzle-kit up` of 1.0 names the folder that it makes of one of 0.x. */
export function toFolderEntry({ name, when }: JournalEntry): JournalEntry {
  const stamp = new Date(when).toISOString().slice(0, 19).replaceAll(/\D/g, '')
  return entryOf(`${stamp}_${name.split('_').slice(1).join('_')}`)
}

/** The migrations of Drizzle 1.0 among these paths of files, in the order of its own `migrate`. */
export function listFolders(paths: Iterable<string>): JournalEntry[] {
  const names = new Set([...paths].flatMap(path => PART_OF_FOLDER.exec(path)?.[1] ?? []))
  return [...names].map(entryOf).sort((one, other) => one.name.localeCompare(other.name))
}

/** The time is NaN where the name has none. */
function entryOf(name: string): JournalEntry {
  const [year = Number.NaN, month = 0, ...rest] = (STAMP.exec(name) ?? []).slice(1).map(Number)
  return { name, when: Date.UTC(year, month - 1, ...rest), hasFolder: true }
}

/**
 * The migrations of a folder without a journal, and undefined for one with a journal. An empty folder has none. Throws
 * FST_NEON_MIGRATIONS_MIXED when both layouts are there, and FST_NEON_MIGRATIONS_INVALID when neither is.
 */
export async function readFolderEntries(path: string): Promise<JournalEntry[] | undefined> {
  const found = await readdir(path, { withFileTypes: true }).catch(() => {
    throw new MigrationsInvalidError(`there is no folder of migrations: ${path}`)
  })
  // A link to a folder is one too.
  const folders = found.filter(entry => !entry.isFile()).map(({ name }) => name)
  const listings = await Promise.all(
    folders.map(async name => {
      const files = await readdir(join(path, name)).catch(() => [])
      return files.map(file => `${name}/${file}`)
    })
  )
  const files = listings.flat()
  const entries = listFolders(files)
  if (files.includes(JOURNAL)) {
    const [dated] = entries.filter(({ when }) => !Number.isNaN(when))
    if (dated === undefined) return undefined
    throw new MigrationsMixedError(
      `${path} has the journal of Drizzle 0.x beside ${dated.name}, a folder of 1.0, as drizzle-kit up leaves it when it is ended in the middle: restore it by git checkout HEAD -- ${path} and git clean -fd ${path}, and run drizzle-kit up again`
    )
  }
  const undated = entries.find(({ when }) => Number.isNaN(when))
  if (undated)
    throw new MigrationsInvalidError(
      `the folder of a migration is named by its time, as 20260101000000_name: ${join(path, undated.name)}`
    )
  const isEmpty = found.every(({ name }) => name.startsWith('.'))
  if (entries.length > 0 || isEmpty) return entries
  throw new MigrationsInvalidError(
    `there is no journal of migrations, and no folder of one: ${join(path, JOURNAL)}`
  )
}
