/**
 * The snapshots of Drizzle 0.x: each has the whole schema, and names the one before it.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { type JournalEntry, type MigrationFinding, snapshotPath } from 'fastify-neon/migration-files'
import type { Branch } from '../branch.ts'
import { collision, generateAgain } from '../comparison.ts'
import { parseSnapshot } from './parse-snapshot.ts'
import type { Snapshots } from './snapshots.ts'

// What counts here, of all shapes that drizzle-kit 0.x has written.
const Snapshot = Type.Object({
  id: Type.String(),
  prevId: Type.String(),
  tables: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({ columns: Type.Record(Type.String(), Type.Object({ type: Type.String() })) })
    )
  )
})

type Snapshot = Static<typeof Snapshot>

interface Entry {
  name: string
  /** Of the file, if it is there. */
  text: string | undefined
  snapshot: Snapshot | undefined
}

export async function readJournalSnapshots(
  folder: string,
  journal: readonly JournalEntry[]
): Promise<Snapshots> {
  const entries = await Promise.all(
    journal.map(async (entry): Promise<Entry> => {
      const text = await readFile(join(folder, snapshotPath(entry)), 'utf8').catch(() => undefined)
      return { name: entry.name, text, snapshot: parseSnapshot(Snapshot, text) }
    })
  )
  const findings = entries.flatMap((entry, index) => {
    const message = problemOf(entry, entries.slice(0, index))
    return message === undefined ? [] : [collision(entry.name, message)]
  })
  const read = entries.flatMap(({ name, snapshot }) => (snapshot ? [[name, snapshot] as const] : []))
  const byMigration = new Map(read)
  return {
    findings: [...findings, ...(await findUnlisted(folder, journal))],
    names: new Set(byMigration.keys()),
    typeAfter: (migration, table, column) =>
      byMigration.get(migration)?.tables?.[table]?.columns[column]?.type,
    compareWith: (branch, isNew) => findTwins(byMigration, branch, isNew)
  }
}

function problemOf({ name, text, snapshot }: Entry, before: readonly Entry[]): string | undefined {
  const file = snapshotPath({ name })
  const namesake = before.find(other => snapshotPath(other) === file)
  if (namesake) return `it has the number of ${namesake.name}, so that one of the two has no snapshot`
  if (text === undefined) return `there is no ${file}`
  if (snapshot === undefined) return `${file} is not a snapshot as drizzle-kit writes it`
  const twin = before.find(other => other.snapshot?.prevId === snapshot.prevId)
  if (twin) return `it was generated from the same state of the schema as ${twin.name}`
  const last = before.at(-1)
  if (last?.snapshot === undefined || last.snapshot.id === snapshot.prevId) return undefined
  return `it was not generated from the state that ${last.name} leaves`
}

function findTwins(
  byMigration: ReadonlyMap<string, Snapshot>,
  { ref, tip }: Branch,
  isNew: (entry: { name: string }) => boolean
): MigrationFinding[] {
  return tip.journal
    .filter(({ name }) => !byMigration.has(name))
    .flatMap(entry => {
      const { name: landed } = entry
      const snapshot = parseSnapshot(Snapshot, tip.files.get(snapshotPath(entry)))
      const twins = [...byMigration].filter(
        ([name, { prevId }]) => isNew({ name }) && prevId === snapshot?.prevId
      )
      const message = `it was generated from the same state of the schema as ${landed} on ${ref}`
      return twins.map(([name]) => ({ ...collision(name, message), fix: generateAgain(ref) }))
    })
}

async function findUnlisted(folder: string, journal: readonly JournalEntry[]): Promise<MigrationFinding[]> {
  const listed = new Set(journal.map(snapshotPath))
  // An empty folder has no meta.
  const files = await readdir(join(folder, 'meta')).catch(() => [])
  return files
    .filter(file => file.endsWith('_snapshot.json') && !listed.has(`meta/${file}`))
    .sort()
    .map(file => ({
      ...collision(
        file.replace('.json', ''),
        'it is of no migration in the journal, and drizzle-kit would go on from it'
      ),
      fix: `delete meta/${file}, or restore its migration`
    }))
}
