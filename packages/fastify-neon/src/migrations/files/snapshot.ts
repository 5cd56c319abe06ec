/**
 * What the snapshots of drizzle-kit say that migrations make: tables, with all that
 * is on one and has a name, and enums.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordOf, textOf } from '../../runtime/record.ts'
import type { JournalEntry } from './folder.ts'
import { snapshotPath } from './layout.ts'
import { type ObjectName, objectName } from './object-names.ts'
import { applySnapshot, objectsOf, type SchemaState } from './schema-state.ts'

const CONSTRAINTS = ['foreignKeys', 'uniqueConstraints', 'compositePrimaryKeys', 'checkConstraints']

/** Where the snapshots are. */
export interface SnapshotFolder {
  path: string
  journal: readonly JournalEntry[]
}

/** What is there once a migration was applied; undefined when its snapshot, or one that it builds on, cannot be read. */
export function readObjects(
  folder: SnapshotFolder,
  migration: string
): Promise<ReadonlySet<ObjectName> | undefined> {
  return createObjectsReader(folder)(migration)
}

type ObjectsReader = (migration: string) => Promise<ReadonlySet<ObjectName> | undefined>

/** For one migration after the other, in the order of the journal, each snapshot is read once. */
function createObjectsReader({ path, journal }: SnapshotFolder): ObjectsReader {
  /** How many of Drizzle 1.0 are in the state. */
  let count = 0
  let state: SchemaState | undefined = new Map()
  return migration => readAt(journal.findIndex(({ name }) => name === migration))

  async function readAt(place: number): Promise<ReadonlySet<ObjectName> | undefined> {
    const entry = journal[place]
    if (entry === undefined) return undefined
    if (!entry.hasFolder) return tryTo(async () => new Set(objectsIn(await read(entry))))
    if (place < count - 1) {
      count = 0
      state = new Map()
    }
    for (const next of journal.slice(count, place + 1)) {
      const before: SchemaState | undefined = state
      state = await tryTo(async () => applySnapshot(before, await read(next)))
      count += 1
    }
    const now = state
    return tryTo(async () => now && new Set(objectsOf(now)))
  }

  async function read(entry: JournalEntry): Promise<unknown> {
    return JSON.parse(await readFile(join(path, snapshotPath(entry)), 'utf8'))
  }
}

function tryTo<T>(work: () => Promise<T>): Promise<T | undefined> {
  return work().catch(() => undefined)
}

/**
 * Tells what a migration makes: what is there after it, and not after the one before. Empty where one of them is
 * unknown. For one migration after the other, in the order of the journal, each snapshot is read once.
 */
export function createMadeReader(folder: SnapshotFolder): (migration: string) => Promise<ObjectName[]> {
  const { journal } = folder
  const readAfter = createObjectsReader(folder)
  let last: { migration: string; objects: ReadonlySet<ObjectName> | undefined } | undefined
  return async migration => {
    const known = await objectsBefore(migration)
    const objects = await readAfter(migration)
    last = { migration, objects }
    return objects && known ? [...objects].filter(object => !known.has(object)) : []
  }

  async function objectsBefore(migration: string): Promise<ReadonlySet<ObjectName> | undefined> {
    const before = journal[journal.findIndex(({ name }) => name === migration) - 1]
    if (before === undefined) return new Set()
    return before.name === last?.migration ? last.objects : readAfter(before.name)
  }
}

/** Of every version that drizzle-kit has written. Throws for what is no snapshot. */
function* objectsIn(snapshot: unknown): Generator<ObjectName> {
  const { tables, enums = {} } = recordOf(snapshot)
  for (const table of Object.values(recordOf(tables)).map(recordOf)) {
    const { columns, indexes = {}, policies = {}, isRLSEnabled } = table
    const [schema, name] = placeOf(table)
    yield objectName('table', schema, name)
    for (const column of namesIn(columns)) yield objectName('column', schema, name, column)
    for (const index of namesIn(indexes)) yield objectName('index', schema, index)
    for (const policy of namesIn(policies)) yield objectName('policy', schema, name, policy)
    for (const kind of CONSTRAINTS)
      for (const constraint of namesIn(table[kind] ?? {}))
        yield objectName('constraint', schema, name, constraint)
    if (isRLSEnabled === true) yield objectName('row-security', schema, name)
  }
  for (const one of Object.values(recordOf(enums)).map(recordOf)) {
    const [schema, name] = placeOf(one)
    yield objectName('type', schema, name)
    // A list since version 7, and by name before.
    for (const value of Object.values(Object(one.values)))
      yield objectName('value', schema, name, textOf(value))
  }
}

function placeOf({ schema = '', name }: Record<string, unknown>): [schema: string, name: string] {
  return [textOf(schema), textOf(name)]
}

function namesIn(value: unknown): string[] {
  return Object.keys(recordOf(value))
}
