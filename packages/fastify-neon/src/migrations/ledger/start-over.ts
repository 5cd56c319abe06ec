/**
 * Forgets what is applied, when the tables of the folder are gone: what db:repair --start-over does to the ledger.
 */

import type { Query } from '../../client/single-session.ts'
import { type Changes, removeProgress, removeRow, removeUnknownRow } from '../files/changes.ts'
import type { FolderFiles } from '../files/folder.ts'
import { findMissingTables, list, readRelations } from '../schema.ts'
import { type Match, type Matches, progressOf } from '../status.ts'
import type { LedgerName, StoredRow } from './ledger.ts'
import { PROGRESS_TABLE, type Progress } from './progress.ts'

export interface Start {
  folder: FolderFiles
  ledger: LedgerName
  progress: Progress[]
  matches: Matches<StoredRow>
}

/**
 * Forgets where a run stopped as well. Rows of another folder or branch go too, unless a table is left that may be
 * theirs.
 */
export async function startOver(
  query: Query,
  { folder, ledger, progress, matches: { migrations, unknown } }: Start
): Promise<Changes> {
  const begun = migrations.filter(migration => migration.rows.length > 0 || stoppedIn(migration).length > 0)
  const expected = { applied: begun.map(({ name }) => name), pending: [], isAhead: false }
  const { all, missing } = await findMissingTables(folder, expected, await readRelations(query))
  const left = all.filter(table => !missing.includes(table))
  if (all.length === 0 || left.length > 0) {
    const problem = `--start-over is for a database that has no table of the folder left${left.length > 0 ? `, and this one has ${list(left)}` : ''}`
    return { changes: [], problems: [problem] }
  }
  const [other] = await readUserTables(query, ledger)
  const stopped = other === undefined ? progress : [...new Set(migrations.flatMap(stoppedIn))]
  const changes = [
    ...migrations.flatMap(({ name, rows }) => rows.map(row => removeRow(row, `the row of ${name}`))),
    ...stopped.map(removeProgress)
  ]
  if (other === undefined || unknown.length === 0)
    return { changes: [...changes, ...unknown.map(removeUnknownRow)], problems: [] }
  return {
    changes,
    problems: [
      `the rows that this folder does not know (${unknown.length}) stay, because the database has the table ${other}, which may be theirs: if they are of no folder and no branch that is in use, add --forget-unknown`
    ]
  }

  function stoppedIn(migration: Match): Progress[] {
    const stopped = progressOf(migration, { ...folder, progress })
    return stopped === undefined ? [] : [stopped]
  }
}

/** Qualified names, but for what an extension made and what these commands write down. */
async function readUserTables(query: Query, { schema, table }: LedgerName): Promise<string[]> {
  const rows = await query<{ name: string }>(
    `SELECT nspname || '.' || relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
       WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND nspname !~ '^pg_'
         AND NOT (nspname = $1 AND relname IN ($2, $3))
         AND NOT EXISTS (SELECT FROM pg_depend
           WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
       ORDER BY 1`,
    [schema, table, PROGRESS_TABLE]
  )
  return rows.map(({ name }) => name)
}
