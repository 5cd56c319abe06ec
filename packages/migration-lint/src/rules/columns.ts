/**
 * Changes of columns that read or write every row while nobody else may.
 */
import type { ColumnDef, Constraint, Node } from 'libpg-query'
import { type Action, functionsIn, textOf } from '../actions.ts'
import { isWidening } from '../widening.ts'
import type { HazardRule } from './rule.ts'

const REWRITTEN = 'readers and writers wait until every row is written again'
const SERIAL = ['serial', 'serial2', 'serial4', 'serial8', 'smallserial', 'bigserial']

// The others are taken as volatile. Source: PostgreSQL, pg_proc.provolatile of version 18.
const STEADY_FUNCTIONS = [
  'array_fill',
  'concat',
  'current_setting',
  'date_trunc',
  'json_build_array',
  'json_build_object',
  'jsonb_build_array',
  'jsonb_build_object',
  'lower',
  'make_interval',
  'md5',
  'now',
  'statement_timestamp',
  'timezone',
  'to_char',
  'to_timestamp',
  'transaction_timestamp',
  'upper'
]

export const COLUMNS = {
  'set-not-null': {
    effect: 'readers and writers wait until every row is read',
    saferWay:
      'ADD CONSTRAINT with CHECK (column IS NOT NULL) NOT VALID, in a later migration VALIDATE CONSTRAINT, then SET NOT NULL, which trusts it',
    page: 'sql-altertable',
    isIn: ({ node, names: [table = ''], column }, { proofs }) => {
      if ('Constraint' in node) return column === undefined && isNotNull(node.Constraint)
      if (!('AlterTableCmd' in node)) return false
      const { subtype, name = '' } = node.AlterTableCmd
      return subtype === 'AT_SetNotNull' && !proofs.has(table, name)
    }
  },
  'column-type': {
    effect: `${REWRITTEN}, its indexes too, and the version that still runs gets another type`,
    saferWay:
      'add a column of the new type, write both, copy the rows, read the new one, and drop the old one later',
    page: 'sql-altertable',
    isIn: ({ node, names: [table = ''] }, { typeOf }) => {
      if (!('AlterTableCmd' in node)) return false
      const { subtype, name = '', def } = node.AlterTableCmd
      if (subtype !== 'AT_AlterColumnType' || def === undefined || !('ColumnDef' in def)) return false
      return !isWidening(typeOf(table, name), def.ColumnDef)
    }
  },
  'add-column-not-null': {
    effect:
      'it fails as soon as the table has a row, and so does every INSERT of the version that still runs',
    saferWay: "a default: .notNull().default('')",
    page: 'sql-altertable',
    isIn: ({ node }) => {
      const column = newColumn(node)
      return column !== undefined && constraintsOf(column).some(isNotNull) && !isFilled(column)
    }
  },
  'volatile-default': {
    effect: `${REWRITTEN}, because each gets another value`,
    saferWay:
      'add the column without a default, set the default in a later statement, and fill the rows in batches',
    page: 'sql-altertable',
    isIn: ({ node }) => {
      const column = newColumn(node)
      return column !== undefined && (isSerial(column) || constraintsOf(column).some(differsByRow))
    }
  },
  'stored-generated-column': {
    effect: `${REWRITTEN}, because each is computed`,
    saferWay: 'a column that a trigger fills, or GENERATED ALWAYS AS … VIRTUAL from PostgreSQL 18 on',
    page: 'sql-altertable',
    isIn: ({ node }) => {
      if ('AlterTableCmd' in node) return node.AlterTableCmd.subtype === 'AT_SetExpression'
      return constraintsOf(newColumn(node)).some(isStored)
    }
  }
} as const satisfies Record<string, HazardRule>

function newColumn(node: Action['node']): ColumnDef | undefined {
  return 'ColumnDef' in node ? node.ColumnDef : undefined
}

export function constraintsOf({ constraints = [] }: ColumnDef = {}): Constraint[] {
  return constraints.filter(isConstraint).map(({ Constraint }) => Constraint)
}

function isConstraint(node: Node): node is { Constraint: Constraint } {
  return 'Constraint' in node
}

function isNotNull({ contype, skip_validation }: Constraint): boolean {
  return contype === 'CONSTR_NOTNULL' && skip_validation !== true
}

/** In the rows that are there. */
function isFilled(column: ColumnDef): boolean {
  const filling: unknown[] = ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED']
  return isSerial(column) || constraintsOf(column).some(({ contype }) => filling.includes(contype))
}

function isSerial({ typeName = {} }: ColumnDef): boolean {
  const { names = [] } = typeName
  return SERIAL.includes(names.flatMap(textOf).join())
}

function differsByRow({ contype, raw_expr }: Constraint): boolean {
  if (contype === 'CONSTR_IDENTITY') return true
  return contype === 'CONSTR_DEFAULT' && functionsIn(raw_expr).some(name => !STEADY_FUNCTIONS.includes(name))
}

function isStored({ contype, generated_kind }: Constraint): boolean {
  return contype === 'CONSTR_GENERATED' && generated_kind === 's'
}
