/**
 * Constraints that read every row, or build an index, while nobody else may write.
 */
import type { ColumnDef, Constraint } from 'libpg-query'
import type { Action } from '../actions.ts'
import { constraintsOf } from './columns.ts'
import type { HazardRule } from './rule.ts'

const NOT_VALID = 'NOT VALID, and in a later migration VALIDATE CONSTRAINT, which lets others work'
const USING_INDEX =
  'CREATE UNIQUE INDEX CONCURRENTLY with the line -- fastify-neon:no-transaction, and in a later migration ADD CONSTRAINT'

export const CONSTRAINTS = {
  'foreign-key': {
    effect: 'writers of both tables wait until every row is read',
    saferWay: NOT_VALID,
    page: 'sql-altertable',
    isIn: ({ node, column }) => {
      if ('AlterTableCmd' in node) return isEnforcedAnew(node)
      const constraint = constraintIn(node, 'CONSTR_FOREIGN')
      return constraint?.initially_valid === true && !isEmpty(column)
    }
  },
  'check-constraint': {
    effect: 'readers and writers wait until every row is read',
    saferWay: NOT_VALID,
    page: 'sql-altertable',
    isIn: ({ node }) => constraintIn(node, 'CONSTR_CHECK')?.initially_valid === true
  },
  'unique-constraint': {
    effect: 'readers and writers wait until its index is built',
    saferWay: `${USING_INDEX} … UNIQUE USING INDEX`,
    page: 'sql-altertable',
    isIn: ({ node }) => isWithoutIndex(constraintIn(node, 'CONSTR_UNIQUE'))
  },
  'primary-key': {
    effect: 'readers and writers wait until its index is built and every row is read',
    saferWay: `${USING_INDEX} … PRIMARY KEY USING INDEX, on columns that are NOT NULL before`,
    page: 'sql-altertable',
    isIn: ({ node }) => isWithoutIndex(constraintIn(node, 'CONSTR_PRIMARY'))
  },
  'exclusion-constraint': {
    effect: 'readers and writers wait until its index is built',
    saferWay: 'PostgreSQL has none: do it in a maintenance window, or on a new table',
    page: 'sql-altertable',
    isIn: ({ node }) => constraintIn(node, 'CONSTR_EXCLUSION') !== undefined
  },
  'domain-constraint': {
    effect: 'writers of every table with a column of the domain wait until all their rows are read',
    saferWay: 'NOT VALID, and in a later migration ALTER DOMAIN … VALIDATE CONSTRAINT',
    page: 'sql-alterdomain',
    isIn: ({ node }) => {
      if (!('AlterDomainStmt' in node)) return false
      const { def, subtype } = node.AlterDomainStmt
      // O is SET NOT NULL.
      return (
        subtype === 'O' || (def !== undefined && constraintIn(def, 'CONSTR_CHECK')?.initially_valid === true)
      )
    }
  }
} as const satisfies Record<string, HazardRule>

function constraintIn(node: Action['node'], contype: Constraint['contype']): Constraint | undefined {
  return 'Constraint' in node && node.Constraint.contype === contype ? node.Constraint : undefined
}

function isWithoutIndex(constraint: Constraint | undefined): boolean {
  return constraint !== undefined && constraint.indexname === undefined
}

/** A new column without a default: Postgres knows that NULL refers to nothing, and reads no row. */
function isEmpty(column: ColumnDef | undefined): boolean {
  return column !== undefined && !constraintsOf(column).some(({ contype }) => contype === 'CONSTR_DEFAULT')
}

/** ALTER CONSTRAINT … ENFORCED, from PostgreSQL 18 on. */
function isEnforcedAnew({
  AlterTableCmd: { def }
}: Extract<Action['node'], { AlterTableCmd: unknown }>): boolean {
  return def !== undefined && 'ATAlterConstraint' in def && def.ATAlterConstraint.is_enforced === true
}
