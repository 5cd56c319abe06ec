/**
 * What the database has of that which the snapshots say: whether what is applied is there, and whether what is
 * pending is there already. By names alone; types and defaults are not compared.
 */

import type { Query } from '../client/single-session.ts'
import { isRowSecurity, isTable, type ObjectName, objectName } from './files/object-names.ts'
import { createMadeReader, readObjects, type SnapshotFolder } from './files/snapshot.ts'
import type { MigrationFinding } from './findings.ts'
import type { MigrationStatus } from './status.ts'

interface CatalogRow extends Record<string, unknown> {
  kind: string
  schema: string
  /** Of a table, for what is on one. */
  table: string
  name: string
  /** The schema is in the search_path, so that a name without one finds it. */
  visible: boolean
}

/** Of rows of kind, schema, table and name. */
function withVisibility(objects: string): string {
  return `SELECT objects.*, schema = '' OR schema = ANY(current_schemas(false)) AS visible FROM (${objects}) AS objects`
}

// Any role may read it.
const RELATIONS = `WITH mine AS (
       SELECT pg_class.oid, relkind, relrowsecurity, relforcerowsecurity, nspname AS schema, relname AS name
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname <> 'information_schema' AND nspname !~ '^pg_')
     SELECT CASE WHEN relkind IN ('i', 'I') THEN 'index' ELSE 'table' END AS kind, schema, '' AS table, name
       FROM mine WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'i', 'I')`

/** Tables, views and indexes, but for those of Postgres itself. */
export async function readRelations(query: Query): Promise<Set<ObjectName>> {
  return namesOf(await query<CatalogRow>(withVisibility(RELATIONS)))
}

/** With what is on a table, types, the values of enums, schemas and sequences. */
export async function readCatalog(query: Query): Promise<Set<ObjectName>> {
  const rows = await query<CatalogRow>(
    withVisibility(`${RELATIONS}
     UNION ALL SELECT 'column', schema, name, attname
       FROM mine JOIN pg_attribute ON attrelid = mine.oid
       WHERE relkind IN ('r', 'p', 'f', 'v', 'm') AND attnum > 0 AND NOT attisdropped
     UNION ALL SELECT 'policy', schema, name, polname FROM mine JOIN pg_policy ON polrelid = mine.oid
     UNION ALL SELECT 'constraint', schema, name, conname FROM mine JOIN pg_constraint ON conrelid = mine.oid
     UNION ALL SELECT 'row-security', schema, '', name FROM mine WHERE relrowsecurity
     UNION ALL SELECT 'forced-row-security', schema, '', name FROM mine WHERE relforcerowsecurity
     UNION ALL SELECT 'sequence', schema, '', name FROM mine WHERE relkind = 'S'
     UNION ALL SELECT 'schema', '', '', nspname FROM pg_namespace
     UNION ALL SELECT 'type', nspname, '', typname
       FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
       WHERE typtype IN ('e', 'd', 'r') OR typrelid IN (SELECT oid FROM mine WHERE relkind = 'c')
     UNION ALL SELECT 'value', nspname, typname, enumlabel
       FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid JOIN pg_namespace ON pg_namespace.oid = typnamespace`)
  )
  return namesOf(rows)
}

function namesOf(rows: CatalogRow[]): Set<ObjectName> {
  return new Set(
    rows.flatMap(({ kind, schema, table, name, visible }) => [
      objectName(kind, schema, table, name),
      ...(visible ? [objectName(kind, '', table, name)] : [])
    ])
  )
}

/**
 * Tables that should be there, as the newest applied migration left them, and are not. A newer release may have
 * dropped some of them, so where the ledger is ahead they count only when not one is left.
 */
export async function findMissingTables(
  folder: SnapshotFolder,
  { applied, pending, isAhead }: Pick<MigrationStatus, 'applied' | 'pending' | 'isAhead'>,
  catalog: ReadonlySet<ObjectName>
): Promise<{ all: ObjectName[]; missing: ObjectName[] }> {
  const { journal } = folder
  const newest = applied.at(-1)
  const objects = newest === undefined ? undefined : await readObjects(folder, newest)
  // The newest snapshot may have what an older migration makes that was merged late, and is pending.
  const place = journal.findIndex(({ name }) => name === newest)
  const older = journal.slice(0, Math.max(0, place)).filter(({ name }) => pending.includes(name))
  const late = new Set<ObjectName>()
  const readMade = createMadeReader(folder)
  for (const { name } of older) for (const object of await readMade(name)) late.add(object)
  const all = [...(objects ?? [])].filter(object => isTable(object) && !late.has(object))
  const missing = all.filter(table => !catalog.has(table))
  return { all, missing: isAhead && missing.length < all.length ? [] : missing }
}

/** Pending migrations of which the database has what they make, or a part of it. */
export async function findUnrecorded(
  folder: SnapshotFolder,
  { pending }: Pick<MigrationStatus, 'pending'>,
  catalog: ReadonlySet<ObjectName>
): Promise<MigrationFinding[]> {
  const findings: MigrationFinding[] = []
  const readMade = createMadeReader(folder)
  for (const migration of pending) {
    const made = await readMade(migration)
    const there = made.filter(object => catalog.has(object))
    const absent = made.filter(object => !catalog.has(object))
    if (there.every(isRowSecurity)) continue
    const kind = 'unrecorded'
    if (absent.length === 0)
      findings.push({
        kind,
        migration,
        message: `the database has ${list(there)}, and the ledger has no row of it: the row was lost, or drizzle-kit push was used`,
        fix: `run npx fastify-neon mark-applied ${migration}`
      })
    else
      findings.push({
        kind,
        migration,
        message: `the database has ${list(there)}, and not ${list(absent)}: drizzle-kit push stopped on the way, or somebody made a part by hand`,
        fix: `in development, use a new database or branch, or create what push stopped at, such as a role, and push again; elsewhere, carry out what is missing by hand, as npx drizzle-kit export prints it and the migrations have it; then run npx fastify-neon mark-applied ${migration}`
      })
  }
  return findings
}

export function schemaMissing(
  migration: string,
  { all, missing }: { all: ObjectName[]; missing: ObjectName[] }
): MigrationFinding[] {
  if (missing.length === 0) return []
  const isWhole = missing.length === all.length
  return [
    {
      kind: 'schema-missing',
      migration,
      message: `the ledger says that it is applied, and the database does not have ${list(missing)}`,
      fix: isWhole
        ? 'restore the tables from a backup or a branch; to begin with empty ones, run npx fastify-neon repair --start-over, and then npx fastify-neon migrate'
        : 'restore the tables from a backup or a branch; or create them by hand, as npx drizzle-kit export prints them, with the row-level security, grants and functions of their migrations'
    }
  ]
}

const MOST_NAMED = 3

/** The first few. A table stands for its columns. */
export function list(objects: readonly ObjectName[]): string {
  const tables = objects.filter(isTable).map(table => `${table.slice('table '.length)}.`)
  const shown = objects.filter(
    object => isTable(object) || !tables.some(table => `${object.split(' ')[1]}.`.startsWith(table))
  )
  const more = shown.length - MOST_NAMED
  return `${shown.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
