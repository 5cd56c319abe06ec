/**
 * Statements that destroy data, or what the version that still runs works with.
 */
import type { Node } from 'libpg-query'
import type { HazardRule } from './rule.ts'

const STOP_USING_FIRST = 'deploy a version that does not use it, and drop it in a later migration'

export const LOSSES = {
  'drop-table': {
    effect: 'its rows are gone, and the version that still runs fails on it',
    saferWay: STOP_USING_FIRST,
    page: 'sql-droptable',
    isIn: ({ node }) => isDropOf(node, 'OBJECT_TABLE', 'OBJECT_FOREIGN_TABLE')
  },
  'drop-column': {
    effect: 'its values are gone, and the version that still runs names it in every SELECT and INSERT',
    saferWay:
      'remove it from the schema, replace this statement in the generated file by ALTER COLUMN … DROP NOT NULL, deploy, and drop it in a later migration',
    page: 'sql-altertable',
    isIn: ({ node }) => 'AlterTableCmd' in node && node.AlterTableCmd.subtype === 'AT_DropColumn'
  },
  'drop-view': {
    effect: 'the version that still runs fails on it',
    saferWay: `create it again in the same migration, or ${STOP_USING_FIRST}`,
    page: 'sql-dropview',
    isIn: ({ node, names }, { isTransaction, views }) => {
      const isReplaced = isTransaction && names.every(name => views.has(name))
      return isDropOf(node, 'OBJECT_MATVIEW') || (isDropOf(node, 'OBJECT_VIEW') && !isReplaced)
    }
  },
  'drop-schema': {
    effect: 'everything in it is gone',
    saferWay: 'drop its objects one by one, by name',
    page: 'sql-dropschema',
    isIn: ({ node }) => isDropOf(node, 'OBJECT_SCHEMA')
  },
  'drop-database': {
    effect: 'everything is gone',
    saferWay: 'drop a database by hand, or delete its branch on Neon',
    page: 'sql-dropdatabase',
    isIn: ({ node }) => 'DropdbStmt' in node
  },
  'drop-owned': {
    effect: 'everything that the role owns in this database is gone',
    saferWay: 'REASSIGN OWNED, and drop unwanted objects one by one',
    page: 'sql-drop-owned',
    isIn: ({ node }) => 'DropOwnedStmt' in node
  },
  'drop-cascade': {
    effect: 'everything that depends on it is dropped too, columns included, without being named',
    saferWay: 'drop what depends on it by name, without CASCADE',
    page: 'ddl-depend',
    isIn: ({ node }) =>
      'DropStmt' in node &&
      node.DropStmt.behavior === 'DROP_CASCADE' &&
      // These are hazards of their own, and drizzle-kit writes CASCADE with every table.
      !isDropOf(node, 'OBJECT_TABLE', 'OBJECT_FOREIGN_TABLE', 'OBJECT_SCHEMA')
  },
  truncate: {
    effect: 'every row is gone, and readers and writers wait until the transaction ends',
    saferWay: 'DELETE with a WHERE, in batches',
    page: 'sql-truncate',
    isIn: ({ node }) => 'TruncateStmt' in node
  },
  'delete-all-rows': {
    effect: 'every row is gone, and writers wait for each until the transaction ends',
    saferWay: 'DELETE with a WHERE, in batches outside of migrations',
    page: 'sql-delete',
    isIn: ({ node }) => 'DeleteStmt' in node && isAlways(node.DeleteStmt.whereClause)
  },
  'update-all-rows': {
    effect: 'every row is written again, and writers wait for each until the transaction ends',
    saferWay: 'UPDATE with a WHERE, in batches outside of migrations',
    page: 'sql-update',
    isIn: ({ node }) => 'UpdateStmt' in node && isAlways(node.UpdateStmt.whereClause)
  },
  'unseen-code': {
    effect: 'the lint cannot see what the code does',
    saferWay: 'write the statements themselves',
    page: 'sql-do',
    isIn: ({ node }) => 'DoStmt' in node || 'CallStmt' in node
  }
} as const satisfies Record<string, HazardRule>

export function isDropOf(node: Node, ...kinds: string[]): boolean {
  return 'DropStmt' in node && kinds.includes(String(node.DropStmt.removeType))
}

/** No WHERE, or WHERE true. */
function isAlways(where: Node | undefined): boolean {
  return where === undefined || ('A_Const' in where && where.A_Const.boolval?.boolval === true)
}
