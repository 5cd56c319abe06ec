/**
 * The snapshots of Drizzle 1.0: the first has the whole schema, each later one what its migration changes, and each names
 * those that it was generated from. Two that were generated beside each other are fine, unless one writes what the other
 * reads or writes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import {
  applySnapshot,
  type JournalEntry,
  type MigrationFinding,
  type SchemaState,
  snapshotPath
} from 'fastify-neon/migration-files'
import { collision, generateAgain } from '../comparison.ts'
import { parseSnapshot } from './parse-snapshot.ts'
import type { Snapshots } from './snapshots.ts'

const Words = Type.Array(Type.String())

/** What a migration reads and writes, as drizzle-kit notes it since version 9 of the snapshots. */
const Footprint = Type.Object({
  statementType: Type.String(),
  writes: Words,
  reads: Type.Optional(Words),
  sharedWrites: Type.Optional(Words),
  sqlHash: Type.Optional(Type.String())
})
const Snapshot = Type.Object({
  id: Type.String(),
  prevIds: Words,
  footprints: Type.Optional(Type.Array(Footprint))
})

type Footprint = Static<typeof Footprint>
type Snapshot = Static<typeof Snapshot>

interface Read extends Snapshot {
  name: string
  state: SchemaState
}

// What the first one is generated from.
const ORIGIN = '00000000-0000-0000-0000-000000000000'

export async function readFolderSnapshots(
  folder: string,
  journal: readonly JournalEntry[]
): Promise<Snapshots> {
  const findings: MigrationFinding[] = []
  const snapshots: Read[] = []
  for (const entry of journal) {
    const { name } = entry
    const text = await readFile(join(folder, snapshotPath(entry)), 'utf8').catch(() => undefined)
    const snapshot = parse(text, snapshots.at(-1)?.state ?? new Map())
    const message = snapshot
      ? problemOf(snapshot, snapshots)
      : `${text === undefined ? 'there is no' : 'not as drizzle-kit writes it:'} ${snapshotPath(entry)}`
    if (message !== undefined) findings.push(collision(name, message))
    if (snapshot) snapshots.push({ ...snapshot, name })
  }
  const byName = new Map(snapshots.map(snapshot => [snapshot.name, snapshot]))
  return {
    findings: [...findings, ...findConflicts(snapshots)],
    names: new Set(byName.keys()),
    typeAfter: (migration, table, column) => typeIn(byName.get(migration)?.state, table, column),
    compareWith: ({ ref, tip }, isNew) =>
      tip.journal
        .filter(({ name }) => !byName.has(name))
        .flatMap(landed => {
          const there = parseSnapshot(Snapshot, tip.files.get(snapshotPath(landed)))
          const message = `it and ${landed.name} on ${ref} were generated beside each other, and change the same`
          return snapshots
            .filter(here => there && isNew(here) && isConflict(here, there))
            .map(({ name }) => ({ ...collision(name, message), fix: generateAgain(ref, true) }))
        })
  }
}

function parse(text: string | undefined, before: SchemaState): Omit<Read, 'name'> | undefined {
  const graph = parseSnapshot(Snapshot, text)
  try {
    return graph && { ...graph, state: applySnapshot(before, JSON.parse(`${text}`)) }
  } catch {
    return undefined
  }
}

function parentsOf({ prevIds }: Snapshot): string[] {
  return prevIds.filter(id => id !== ORIGIN)
}

function problemOf(snapshot: Snapshot, before: readonly Read[]): string | undefined {
  const parents = parentsOf(snapshot)
  const root = before.find(other => parentsOf(other).length === 0)
  if (parents.length === 0 && root) return `it was generated from an empty schema, as ${root.name} was`
  const isKnown = (id: string) => before.some(other => other.id === id)
  return parents.every(isKnown)
    ? undefined
    : 'it was not generated from the state that migrations before it leave'
}

/** Those that were generated beside each other, and that none was generated from both of. */
function findConflicts(snapshots: readonly Read[]): MigrationFinding[] {
  const ancestors = ancestorsOf(snapshots)
  const isBefore = (one: Read, other: Read) => ancestors.get(other.id)?.has(one.id) === true
  return snapshots.flatMap((snapshot, index) =>
    snapshots
      .slice(0, index)
      .filter(other => !isBefore(other, snapshot) && isConflict(other, snapshot))
      .filter(other => !snapshots.some(merge => isBefore(other, merge) && isBefore(snapshot, merge)))
      .map(({ name }) =>
        collision(snapshot.name, `it and ${name} were generated beside each other, and change the same`)
      )
  )
}

/** By the id. Each comes after those that it was generated from. */
function ancestorsOf(snapshots: readonly Read[]): Map<string, Set<string>> {
  const ancestors = new Map<string, Set<string>>()
  for (const { id, prevIds } of snapshots)
    ancestors.set(id, new Set(prevIds.flatMap(parent => [parent, ...(ancestors.get(parent) ?? [])])))
  return ancestors
}

/** As drizzle-kit's own check has it. Without footprints, when both were generated from the same state. */
function isConflict(one: Snapshot, other: Snapshot): boolean {
  if (one.footprints === undefined || other.footprints === undefined)
    return one.prevIds.some(id => other.prevIds.includes(id))
  return touches(one.footprints, other.footprints) || touches(other.footprints, one.footprints)
}

function touches(footprints: Footprint[], others: Footprint[]): boolean {
  return footprints.some(one =>
    [...one.writes, ...(one.sharedWrites ?? [])].some(written =>
      others.some(
        other => [...other.writes, ...(other.reads ?? [])].includes(written) && !isSameChange(one, other)
      )
    )
  )
}

function isSameChange(one: Footprint, other: Footprint): boolean {
  return (
    one.sqlHash !== undefined && one.sqlHash === other.sqlHash && one.statementType === other.statementType
  )
}

/** As snapshots of 0.x have it, with [] for each dimension of an array. */
function typeIn(state: SchemaState | undefined, table: string, column: string): string | undefined {
  const dot = table.indexOf('.')
  const key = JSON.stringify([table.slice(0, dot), table.slice(dot + 1), column])
  const { type, dimensions } = state?.get(`columns\0${key}`) ?? {}
  return typeof type === 'string' ? `${type}${'[]'.repeat(Number(dimensions))}` : undefined
}
