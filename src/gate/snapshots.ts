/**
 * Reads the snapshots that drizzle-kit generates from. Each names the one before it, so that two of the same one, or
 * a gap, are migrations that do not know of each other.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { MigrationFinding } from '../neon/migrations/findings.ts'
import type { JournalEntry } from '../neon/migrations/folder.ts'
import { snapshotFile } from '../neon/migrations/snapshot.ts'
import type { Branch } from './branch.ts'
import { anew } from './comparison.ts'

// What counts here, of all shapes that drizzle-kit has written.
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

export type Snapshot = Static<typeof Snapshot>

export interface Snapshots {
  findings: MigrationFinding[]
  /** By the name of the migration; those that can be read. */
  byMigration: ReadonlyMap<string, Snapshot>
}

interface Entry {
  name: string
  /** Of the file, if it is there. */
  text: string | undefined
  snapshot: Snapshot | undefined
}

export async function readSnapshots(folder: string, journal: readonly JournalEntry[]): Promise<Snapshots> {
  const entries = await Promise.all(
    journal.map(async ({ name }): Promise<Entry> => {
      const text = await readFile(join(folder, 'meta', snapshotFile(name)), 'utf8').catch(() => undefined)
      return { name, text, snapshot: parseSnapshot(text) }
    })
  )
  const findings = entries.flatMap((entry, index) => {
    const message = problemOf(entry, entries.slice(0, index))
    return message === undefined ? [] : [collision(entry.name, message)]
  })
  const read = entries.flatMap(({ name, snapshot }) => (snapshot ? [[name, snapshot] as const] : []))
  return { findings: [...findings, ...(await findUnlisted(folder, journal))], byMigration: new Map(read) }
}

function problemOf({ name, text, snapshot }: Entry, before: readonly Entry[]): string | undefined {
  const file = snapshotFile(name)
  const namesake = before.find(other => snapshotFile(other.name) === file)
  if (namesake) return `it has the number of ${namesake.name}, so that one of the two has no snapshot`
  if (text === undefined) return `there is no meta/${file}`
  if (snapshot === undefined) return `meta/${file} is not a snapshot as drizzle-kit writes it`
  const twin = before.find(other => other.snapshot?.prevId === snapshot.prevId)
  if (twin) return `it was generated from the same state of the schema as ${twin.name}`
  const last = before.at(-1)
  if (last?.snapshot === undefined || last.snapshot.id === snapshot.prevId) return undefined
  return `it was not generated from the state that ${last.name} leaves`
}

/** Those of the branch that were generated from the same state as one that has landed since it left. */
export function compareSnapshots(
  { byMigration }: Snapshots,
  isNew: (entry: { name: string }) => boolean,
  { ref, tip }: Branch
): MigrationFinding[] {
  return tip.journal
    .filter(({ name }) => !byMigration.has(name))
    .flatMap(({ name: landed }) => {
      const snapshot = parseSnapshot(tip.files.get(`meta/${snapshotFile(landed)}`))
      const twins = [...byMigration].filter(
        ([name, { prevId }]) => isNew({ name }) && prevId === snapshot?.prevId
      )
      const message = `it was generated from the same state of the schema as ${landed} on ${ref}`
      return twins.map(([name]) => ({ ...collision(name, message), mend: anew(ref) }))
    })
}

async function findUnlisted(folder: string, journal: readonly JournalEntry[]): Promise<MigrationFinding[]> {
  const listed = new Set(journal.map(({ name }) => snapshotFile(name)))
  const files = await readdir(join(folder, 'meta'))
  return files
    .filter(file => file.endsWith('_snapshot.json') && !listed.has(file))
    .sort()
    .map(file => ({
      ...collision(
        file.replace('.json', ''),
        'it is of no migration in the journal, and drizzle-kit would go on from it'
      ),
      mend: `delete meta/${file}, or restore its migration`
    }))
}

function collision(migration: string, message: string): MigrationFinding {
  return { kind: 'snapshot-collision', migration, message }
}

function parseSnapshot(text = ''): Snapshot | undefined {
  try {
    const snapshot: unknown = JSON.parse(text)
    return Value.Check(Snapshot, snapshot) ? snapshot : undefined
  } catch {
    return undefined
  }
}
