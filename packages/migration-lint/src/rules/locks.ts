/**
 * Statements that keep others from a table for as long as they work through it.
 */

import { hasOption, isConcurrentDetach } from 'fastify-neon/migration-files'
import type { Node } from 'libpg-query'
import { isDropOf } from './losses.ts'
import type { HazardRule } from './rule.ts'

const OUTSIDE = 'with the line -- fastify-neon:no-transaction in the file'
const REWRITES: unknown[] = ['AT_SetLogged', 'AT_SetUnLogged', 'AT_SetTableSpace', 'AT_SetAccessMethod']

export const LOCKS = {
  'create-index': {
    effect: 'writers wait until the index is built',
    saferWay: `CREATE INDEX CONCURRENTLY: index().concurrently() in the schema, ${OUTSIDE}`,
    page: 'sql-createindex',
    isIn: ({ node }) => 'IndexStmt' in node && node.IndexStmt.concurrent !== true
  },
  'drop-index': {
    effect: 'readers and writers wait, behind every statement that uses the table',
    saferWay: `DROP INDEX CONCURRENTLY, ${OUTSIDE}`,
    page: 'sql-dropindex',
    isIn: ({ node }) =>
      isDropOf(node, 'OBJECT_INDEX') && 'DropStmt' in node && node.DropStmt.concurrent !== true
  },
  reindex: {
    effect: 'writers wait until the index is built, and most readers as well',
    saferWay: `REINDEX CONCURRENTLY, ${OUTSIDE}`,
    page: 'sql-reindex',
    isIn: ({ node }) => 'ReindexStmt' in node && !hasOption(node.ReindexStmt.params, 'concurrently')
  },
  'refresh-view': {
    effect: 'readers wait until the query of the view is done',
    saferWay: 'REFRESH MATERIALIZED VIEW CONCURRENTLY, for which the view needs a unique index',
    page: 'sql-refreshmaterializedview',
    isIn: ({ node }) => 'RefreshMatViewStmt' in node && node.RefreshMatViewStmt.concurrent !== true
  },
  'rewrite-table': {
    effect: 'readers and writers wait until every row is written again',
    saferWay: 'make a new table, copy the rows in batches, and switch to it',
    page: 'sql-altertable',
    isIn: ({ node }) => 'AlterTableCmd' in node && REWRITES.includes(node.AlterTableCmd.subtype)
  },
  'detach-partition': {
    effect: 'readers and writers of the whole table wait, behind every statement that uses it',
    saferWay: `DETACH PARTITION CONCURRENTLY, ${OUTSIDE}`,
    page: 'sql-altertable',
    isIn: ({ node }) =>
      'AlterTableCmd' in node &&
      node.AlterTableCmd.subtype === 'AT_DetachPartition' &&
      !isConcurrentDetach(node)
  },
  'lock-table': {
    effect: 'other sessions wait until the transaction ends',
    saferWay: 'remove it: each statement takes the lock that it needs',
    page: 'sql-lock',
    isIn: ({ node }) => 'LockStmt' in node
  },
  'vacuum-full': {
    effect: 'readers and writers wait until every row is written again',
    saferWay: 'VACUUM, which frees the space for new rows',
    page: 'sql-vacuum',
    isIn: ({ node }) => 'VacuumStmt' in node && hasOption(node.VacuumStmt.options, 'full')
  },
  cluster: {
    effect: 'readers and writers wait until every row is written again',
    saferWay: 'leave the rows where they are',
    page: 'sql-cluster',
    isIn: ({ node }) => 'ClusterStmt' in node
  },
  'work-under-lock': {
    effect:
      'an earlier statement locked a table until the transaction ends, so other sessions also wait for this one',
    saferWay: 'write it as a separate migration, after this one',
    page: 'explicit-locking',
    isIn: ({ node }, { holdsLock }) => holdsLock && isLongWork(node),
    isAboutOthers: true
  }
} as const satisfies Record<string, HazardRule>

/** Goes through rows that are there. */
function isLongWork(node: Node): boolean {
  if ('AlterTableCmd' in node) return node.AlterTableCmd.subtype === 'AT_ValidateConstraint'
  if ('InsertStmt' in node) return isQuery(node.InsertStmt.selectStmt)
  return 'UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node || 'RefreshMatViewStmt' in node
}

/** And no list of VALUES. */
function isQuery(source: Node | undefined): boolean {
  return source !== undefined && 'SelectStmt' in source && source.SelectStmt.valuesLists === undefined
}
