/**
 * What the statements before have done, by which the next one is judged: what is new and unused, whose lock is
 * held, and which columns are known to have no NULL.
 */

import type { Statement } from 'fastify-neon/migration-files'
import type { Constraint, Node } from 'libpg-query'
import { type Action, namesIn, namesOf, qualified, schemaName, textOf } from './actions.ts'

/** Columns without NULL, proven by valid constraints. It goes through all migrations. */
export interface NotNullProofs {
  has(table: string, column: string): boolean
  note(action: Action): void
}

export interface Scope {
  /** In the transaction of the migration; not with `no-transaction`. */
  isTransaction: boolean
  /** Whether the transaction keeps others from a table that they use. */
  holdsLock: boolean
  /** Views that the migration makes, before or after. */
  views: ReadonlySet<string>
  proofs: NotNullProofs
  /** Before the migration, as the snapshot has it. */
  typeOf(table: string, column: string): string | undefined
  isNew(action: Action): boolean
  note(action: Action): void
}

export interface ScopeOptions {
  statements: readonly Statement[]
  isTransaction: boolean
  proofs: NotNullProofs
  typeOf: Scope['typeOf']
}

// Those that keep nobody from reading and writing. Source: PostgreSQL, ALTER TABLE.
const MILD_COMMANDS: unknown[] = [
  'AT_ValidateConstraint',
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ClusterOn'
]

export function createScope({ statements, isTransaction, proofs, typeOf }: ScopeOptions): Scope {
  const created = new Set<string>()
  const views = new Set(statements.flatMap(({ node }) => ('ViewStmt' in node ? createdBy(node) : [])))
  const scope: Scope = { isTransaction, holdsLock: false, views, proofs, typeOf, isNew, note }
  return scope

  function isNew({ names }: Action): boolean {
    return names.length > 0 && names.every(name => created.has(name))
  }

  function note(action: Action) {
    const { node } = action
    if (isTransaction && locks(node) && !isNew(action)) scope.holdsLock = true
    const names = 'RenameStmt' in node && isNew(action) ? renamed(action, node.RenameStmt) : createdBy(node)
    for (const name of names) created.add(name)
    proofs.note(action)
  }
}

function locks(node: Node): boolean {
  if ('AlterTableCmd' in node) return !MILD_COMMANDS.includes(node.AlterTableCmd.subtype)
  if ('IndexStmt' in node) return node.IndexStmt.concurrent !== true
  return 'RenameStmt' in node || 'LockStmt' in node
}

function renamed({ names }: Action, { newname = '' }: { newname?: string }): string[] {
  return names.map(name => qualified([name.slice(0, name.indexOf('.')), newname]))
}

/** What is there for certain since this statement: not with IF NOT EXISTS or OR REPLACE, which may have met another. */
function createdBy(node: Node): string[] {
  if ('CreateStmt' in node) return node.CreateStmt.if_not_exists ? [] : namesOf(node)
  if ('CreateTableAsStmt' in node) {
    const { if_not_exists, into = {} } = node.CreateTableAsStmt
    return if_not_exists ? [] : namesIn(into.rel)
  }
  if ('ViewStmt' in node) return node.ViewStmt.replace ? [] : namesIn(node.ViewStmt.view)
  if ('IndexStmt' in node) return node.IndexStmt.if_not_exists ? [] : indexName(node.IndexStmt)
  if ('CreateEnumStmt' in node) return namesOf(node)
  if ('CreateDomainStmt' in node) return namesIn(node.CreateDomainStmt.domainname)
  if ('CreateSchemaStmt' in node) {
    const { if_not_exists, schemaname = '' } = node.CreateSchemaStmt
    return if_not_exists ? [] : [schemaName(schemaname)]
  }
  return []
}

/** An index is in the schema of its table. */
function indexName({
  idxname = '',
  relation = {}
}: {
  idxname?: string
  relation?: { schemaname?: string }
}) {
  const { schemaname = 'public' } = relation
  return [qualified([schemaname, idxname])]
}

export function createNotNullProofs(): NotNullProofs {
  const columns = new Map<string, string>()
  const proven = new Set<string>()
  return { has: (table, column) => proven.has(`${table}.${column}`), note }

  function note({ node, names: [table = ''] }: Action) {
    if ('Constraint' in node) {
      const { conname = '', skip_validation } = node.Constraint
      const column = columnWithoutNull(node.Constraint)
      if (column === undefined) return
      columns.set(`${table} ${conname}`, `${table}.${column}`)
      if (skip_validation !== true) proven.add(`${table}.${column}`)
    } else if ('AlterTableCmd' in node) {
      const { subtype, name = '' } = node.AlterTableCmd
      const column = columns.get(`${table} ${name}`)
      if (column === undefined) return
      if (subtype === 'AT_ValidateConstraint') proven.add(column)
      if (subtype === 'AT_DropConstraint') proven.delete(column)
    }
  }
}

/** Of CHECK (column IS NOT NULL), and of NOT NULL column as Postgres 18 has it. */
function columnWithoutNull({ contype, raw_expr, keys = [] }: Constraint): string | undefined {
  if (contype === 'CONSTR_NOTNULL') return keys.flatMap(textOf)[0]
  if (raw_expr === undefined || !('NullTest' in raw_expr)) return undefined
  const { arg, nulltesttype } = raw_expr.NullTest
  if (nulltesttype !== 'IS_NOT_NULL' || arg === undefined || !('ColumnRef' in arg)) return undefined
  const { fields = [] } = arg.ColumnRef
  return fields.flatMap(textOf).at(-1)
}
