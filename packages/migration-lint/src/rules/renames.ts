/**
 * Statements that give another name to what the version that still runs calls by the old one.
 */
import type { Node } from 'libpg-query'
import type { HazardRule } from './rule.ts'

const FAILS = 'the version that still runs calls it by the old name, and fails'
const ADD_AND_COPY =
  'add the new one, write both, copy the rows, read the new one, and drop the old one later'

export const RENAMES = {
  'rename-table': {
    effect: FAILS,
    saferWay: 'keep the name, and change what the code calls it: pgTable takes the name of the database',
    page: 'sql-altertable',
    isIn: ({ node }) =>
      isRenameOf(node, 'OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FOREIGN_TABLE')
  },
  'rename-column': {
    effect: FAILS,
    saferWay: `keep the name, and change its key in the schema: text('old_name'); or ${ADD_AND_COPY}`,
    page: 'sql-altertable',
    isIn: ({ node }) => isRenameOf(node, 'OBJECT_COLUMN')
  },
  'rename-schema': {
    effect: FAILS,
    saferWay: 'keep the name',
    page: 'sql-alterschema',
    isIn: ({ node }) => isRenameOf(node, 'OBJECT_SCHEMA')
  },
  'rename-type': {
    effect: FAILS,
    saferWay: 'keep the name: pgEnum takes the name of the database',
    page: 'sql-altertype',
    isIn: ({ node }) => isRenameOf(node, 'OBJECT_TYPE', 'OBJECT_DOMAIN')
  },
  'rename-enum-value': {
    effect: 'the version that still runs writes the old value, and fails',
    saferWay: 'add the new value, write it, and leave the old one where it is',
    page: 'sql-altertype',
    isIn: ({ node }) => 'AlterEnumStmt' in node && node.AlterEnumStmt.oldVal !== undefined
  },
  'set-schema': {
    effect: FAILS,
    saferWay: 'leave it in its schema, or make a view of the old name in the same migration',
    page: 'sql-altertable',
    isIn: ({ node }) => 'AlterObjectSchemaStmt' in node
  }
} as const satisfies Record<string, HazardRule>

function isRenameOf(node: Node, ...kinds: string[]): boolean {
  return 'RenameStmt' in node && kinds.includes(String(node.RenameStmt.renameType))
}
