/**
 * What CREATE INDEX CONCURRENTLY and its like leave behind when they are ended in the middle.
 */

import type { Query } from '../../client/single-session.ts'
import { quote } from '../ledger/ledger.ts'
import type { Statement } from './statements.ts'

/** Qualified and quoted names of indexes that were not built to their end, and that nobody builds now. */
export async function findInvalidIndexes(query: Query): Promise<string[]> {
  const rows = await query<{ name: string }>(
    // An index of a partitioned table is invalid until each partition has one, which is no accident.
    `SELECT format('%I.%I', nspname, relname) AS name
       FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE NOT indisvalid AND relkind = 'i'
         AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)
       ORDER BY 1`
  )
  return rows.map(({ name }) => name)
}

/** Of the index that the statement makes: undefined when it is not there, or when the statement makes none. */
export async function stateOfIndex(
  query: Query,
  { node }: Statement
): Promise<{ name: string; isValid: boolean } | undefined> {
  if (!('IndexStmt' in node)) return undefined
  const { idxname, relation = {} } = node.IndexStmt
  const rows = await query<{ name: string; is_valid: boolean }>(
    `SELECT format('%I.%I', nspname, relname) AS name, indisvalid AS is_valid
       FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE indrelid = to_regclass($1) AND relname = $2`,
    [nameOf([relation.schemaname, relation.relname]), idxname]
  )
  return rows.map(({ name, is_valid }) => ({ name, isValid: is_valid }))[0]
}

/**
 * Whether a statement that may have been carried out has been: true when its index is there and whole, or
 * the one that it drops is gone; false when it has to be run, or when nothing tells.
 */
export async function isCarriedOut(query: Query, statement: Statement): Promise<boolean> {
  const { node } = statement
  if (!('DropStmt' in node)) return (await stateOfIndex(query, statement))?.isValid === true
  const { objects } = node.DropStmt as DropIndex
  const names = objects[0].List.items.map(part => part.String.sval)
  const [row] = await query<{ gone: boolean }>('SELECT to_regclass($1) IS NULL AS gone', [nameOf(names)])
  return row?.gone === true
}

/** As the parser gives it; CONCURRENTLY takes one name. */
interface DropIndex {
  objects: [{ List: { items: { String: { sval: string } }[] } }]
}

function nameOf(parts: (string | undefined)[]): string {
  return parts
    .filter(part => part !== undefined)
    .map(quote)
    .join('.')
}
