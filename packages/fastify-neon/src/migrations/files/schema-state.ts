/**
 * Replays the snapshots of Drizzle 1.0: the first one has the whole schema, and each later one what its migration
 * changes. Those of version 8, which its betas wrote, have the whole schema each.
 */
import { recordOf, textOf } from '../../runtime/record.ts'
import { type ObjectName, objectName } from './object-names.ts'

export type SchemaRow = Record<string, unknown>

/** Rows by their keys, as the snapshots name them. */
export type SchemaState = ReadonlyMap<string, SchemaRow>

// What makes the key of a row of each type. Others, such as roles and privileges, are not compared.
const OF_SCHEMA = ['schema', 'name']
const OF_TABLE = ['schema', 'table', 'name']
const KEYS: Record<string, string[]> = {
  schemas: ['name'],
  tables: OF_SCHEMA,
  enums: OF_SCHEMA,
  indexes: OF_SCHEMA,
  columns: OF_TABLE,
  fks: OF_TABLE,
  pks: OF_TABLE,
  uniques: OF_TABLE,
  checks: OF_TABLE,
  policies: OF_TABLE
}

/** What is there after a snapshot. Throws for what is no snapshot, and for changes of a state that is unknown. */
export function applySnapshot(before: SchemaState | undefined, snapshot: unknown): SchemaState {
  const { ddl, deltas } = recordOf(snapshot)
  if (Array.isArray(ddl)) return stateOf(ddl.map(recordOf))
  if (before === undefined || !Array.isArray(deltas)) throw new TypeError('not a snapshot')
  let state = new Map(before)
  for (const { op, key, row, set } of deltas.map(recordOf)) {
    const old = state.get(`${key}`)
    if (op === 'create') add(state, recordOf(row))
    else if (op === 'drop') state.delete(`${key}`)
    else if (old !== undefined) {
      const changed = { ...old, ...recordOf(set) }
      if (keyOf(changed) === key) state.set(`${key}`, changed)
      else state = stateOf([...state.values()].map(other => relocate(other, old, changed)))
    }
  }
  return state
}

/** What is on a table, or in a schema, is renamed with it. */
function relocate(row: SchemaRow, old: SchemaRow, changed: SchemaRow): SchemaRow {
  if (row === old) return changed
  if (old.entityType === 'schemas') return row.schema === old.name ? { ...row, schema: changed.name } : row
  const isOn = old.entityType === 'tables' && row.schema === old.schema && row.table === old.name
  return isOn ? { ...row, schema: changed.schema, table: changed.name } : row
}

function stateOf(rows: SchemaRow[]): Map<string, SchemaRow> {
  const state = new Map<string, SchemaRow>()
  for (const row of rows) add(state, row)
  return state
}

function add(state: Map<string, SchemaRow>, row: SchemaRow) {
  const key = keyOf(row)
  if (key !== undefined) state.set(key, row)
}

function keyOf(row: SchemaRow): string | undefined {
  const fields = KEYS[`${row.entityType}`]
  return fields && `${row.entityType}\0${JSON.stringify(fields.map(field => row[field]))}`
}

/** As `readObjects` names them in snapshots of Drizzle 0.x. Throws for a row without a name. */
export function* objectsOf(state: SchemaState): Generator<ObjectName> {
  for (const row of state.values()) {
    const [schema, table, name] = [textOf(row.schema ?? ''), textOf(row.table ?? ''), textOf(row.name)]
    switch (row.entityType) {
      case 'tables':
        yield objectName('table', schema, name)
        if (row.isRlsEnabled === true) yield objectName('row-security', schema, name)
        break
      case 'columns':
        yield objectName('column', schema, table, name)
        break
      case 'indexes':
        yield objectName('index', schema, name)
        break
      case 'policies':
        yield objectName('policy', schema, table, name)
        break
      case 'enums':
        yield objectName('type', schema, name)
        for (const value of Object.values(Object(row.values)))
          yield objectName('value', schema, name, textOf(value))
        break
      case 'fks':
      case 'checks':
        yield objectName('constraint', schema, table, name)
        break
      case 'pks':
      case 'uniques':
        // Otherwise Postgres chose the name.
        if (row.nameExplicit === true) yield objectName('constraint', schema, table, name)
    }
  }
}
