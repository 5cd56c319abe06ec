/**
 * What the snapshots of drizzle-kit say that migrations make: tables, with all that
 * is on one and has a name, and enums.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { type JournalEntry, numberOf } from './folder.ts'

const Named = Type.Record(Type.String(), Type.Unknown())

// What counts here, of all shapes that drizzle-kit has written.
const Snapshot = Type.Object({
  tables: Type.Record(
    Type.String(),
    Type.Object({
      name: Type.String(),
      schema: Type.Optional(Type.String()),
      columns: Named,
      indexes: Type.Optional(Named),
      policies: Type.Optional(Named),
      foreignKeys: Type.Optional(Named),
      uniqueConstraints: Type.Optional(Named),
      compositePrimaryKeys: Type.Optional(Named),
      checkConstraints: Type.Optional(Named),
      isRLSEnabled: Type.Optional(Type.Boolean())
    })
  ),
  enums: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        name: Type.String(),
        schema: Type.Optional(Type.String()),
        // By name before version 7.
        values: Type.Optional(
          Type.Union([Type.Array(Type.String()), Type.Record(Type.String(), Type.String())])
        )
      })
    )
  )
})

/** Such as `table tasks` and `column tasks.done`; with a schema in front where it is not public. */
export type ObjectName = string

/** As drizzle-kit names the file. */
export function snapshotFile(migration: string): string {
  return `${numberOf(migration)}_snapshot.json`
}

/** What is there once a migration was applied; undefined when its snapshot cannot be read. */
export async function readObjects(folder: string, migration: string): Promise<Set<ObjectName> | undefined> {
  const text = await readFile(join(folder, 'meta', snapshotFile(migration)), 'utf8').catch(() => '')
  const snapshot = parse(text)
  return snapshot && new Set(objectsIn(snapshot))
}

/** What a migration makes: what is in its snapshot, and not in the one before. Empty where that is not known. */
export async function readMade(
  folder: string,
  journal: readonly JournalEntry[],
  migration: string
): Promise<ObjectName[]> {
  const before = journal[journal.findIndex(({ name }) => name === migration) - 1]
  const after = await readObjects(folder, migration)
  const known = before === undefined ? new Set<ObjectName>() : await readObjects(folder, before.name)
  return after && known ? [...after].filter(object => !known.has(object)) : []
}

/** A switch of a table, which may be on before a migration turns it on. */
export function isRowSecurity(object: ObjectName): boolean {
  return object.startsWith('row-security ')
}

export function isTable(object: ObjectName): boolean {
  return object.startsWith('table ')
}

/** Postgres cuts a name that is longer than 63 bytes. */
export function objectName(kind: string, ...parts: string[]): ObjectName {
  return `${kind} ${parts
    .filter((part, index) => part !== '' && !(index === 0 && part === 'public'))
    .map(part => Buffer.from(part).subarray(0, 63).toString())
    .join('.')}`
}

function* objectsIn({ tables, enums = {} }: Static<typeof Snapshot>): Generator<ObjectName> {
  for (const table of Object.values(tables)) {
    const { name, schema = '', columns, indexes = {}, policies = {}, isRLSEnabled } = table
    yield objectName('table', schema, name)
    for (const column of Object.keys(columns)) yield objectName('column', schema, name, column)
    for (const index of Object.keys(indexes)) yield objectName('index', schema, index)
    for (const policy of Object.keys(policies)) yield objectName('policy', schema, name, policy)
    for (const constraint of constraintsOf(table)) yield objectName('constraint', schema, name, constraint)
    if (isRLSEnabled) yield objectName('row-security', schema, name)
  }
  for (const { name, schema = '', values = [] } of Object.values(enums)) {
    yield objectName('type', schema, name)
    for (const value of Object.values(values)) yield objectName('value', schema, name, value)
  }
}

function constraintsOf(table: Static<typeof Snapshot>['tables'][string]): string[] {
  const { foreignKeys, uniqueConstraints, compositePrimaryKeys, checkConstraints } = table
  return Object.keys({ ...foreignKeys, ...uniqueConstraints, ...compositePrimaryKeys, ...checkConstraints })
}

function parse(text: string): Static<typeof Snapshot> | undefined {
  try {
    const snapshot: unknown = JSON.parse(text)
    return Value.Check(Snapshot, snapshot) ? snapshot : undefined
  } catch {
    return undefined
  }
}
