/**
 * Makes journal and ledger agree again, where it is certain what is meant. It never says of a migration that it is
 * applied which has no row in the ledger, and runs none.
 */
import { examine } from './examination.ts'
import { type FolderFiles, readFolder } from './folder.ts'
import { type Correction, correctJournal, readHashes, writeJournal } from './journal.ts'
import { changeLedger, ledgerSql, type StoredRow } from './ledger.ts'
import { findMissingTables, list, readCatalog } from './schema.ts'
import type { Query } from './session.ts'
import { type ChangeOptions, withLockedSession } from './source.ts'
import { type Match, matchRows } from './status.ts'

export interface RepairOptions extends ChangeOptions {
  /** Says what would be done. @default false */
  dryRun?: boolean
  /** Forgets what is applied, when not one of its tables is left. @default false */
  startOver?: boolean
}

export interface RepairReport {
  /** What was done, or would be. */
  steps: string[]
  /** What was not done, and why. */
  problems: string[]
}

/** Changes the times and names of the journal, and rows of the ledger. Throws as `applyMigrations` does. */
export async function repairMigrations(options: RepairOptions): Promise<RepairReport> {
  const folder = await readFolder(options.folder)
  return withLockedSession(options, async ({ query }, ledger) => {
    const { rows, status } = await examine(query, ledger, folder)
    const { migrations } = matchRows({ ...folder, rows })
    const { corrections, problems } = await settle(folder, migrations)
    const changes = options.startOver
      ? await startOver(query, { folder, status, migrations })
      : { changes: migrations.flatMap(migration => changesOf(migration, corrections)), problems: [] }
    const report = {
      steps: [...corrections.map(correctionLine), ...changes.changes.map(({ line }) => line)],
      problems: [...problems, ...changes.problems]
    }
    if (options.dryRun) return report
    if (corrections.length > 0) await writeJournal(folder.path, corrections)
    if (changes.changes.length > 0)
      await changeLedger(query, ledger, async () => {
        for (const { sql, values } of changes.changes) await query(`${sql(ledgerSql(ledger))}`, values)
      })
    return report
  })
}

/** An entry gets no other time whose row in the ledger would not be found by the hash of its file then. */
async function settle(folder: FolderFiles, migrations: Match<StoredRow>[]) {
  const corrections: Correction[] = []
  const problems: string[] = []
  const wanted = new Map(
    correctJournal(folder, Date.now()).map(correction => [correction.from.name, correction])
  )
  for (const { name, rows, hashes } of migrations) {
    const correction = wanted.get(name)
    if (correction === undefined) continue
    const { from, to } = correction
    const known = hashes ?? (from.name === to.name ? undefined : await readHashes(folder.path, to.name))
    const isSure = rows.length === 0 || rows.some(({ hash }) => known?.has(hash))
    if (isSure) corrections.push(correction)
    else
      problems.push(
        `${from.name} stays as it is in the journal, because its file is not the one that was applied: restore the file first`
      )
  }
  return { corrections, problems }
}

interface Change {
  line: string
  sql: (ledger: string) => string
  values: unknown[]
}

function changesOf(
  { name, when, hashes, rows }: Match<StoredRow>,
  corrections: readonly Correction[]
): Change[] {
  const right = corrections.find(({ from }) => from.name === name)?.to.when ?? when
  const kept = rows.find(({ hash }) => hashes?.has(hash)) ?? rows.at(-1)
  return rows.flatMap((row): Change[] => {
    if (row !== kept) return [remove(row, `one of ${rows.length} rows of ${name}`)]
    if (row.createdAt === right) return []
    return [
      {
        line: `ledger: ${name} was ${timeOf(row.createdAt)}, and is ${timeOf(right)}`,
        sql: ledger => `UPDATE ${ledger} SET created_at = $2 WHERE id = $1`,
        values: [row.id, right]
      }
    ]
  })
}

function remove({ id }: StoredRow, what: string): Change {
  return {
    line: `ledger: ${what} is taken out`,
    sql: ledger => `DELETE FROM ${ledger} WHERE id = $1`,
    values: [id]
  }
}

interface Start {
  folder: FolderFiles
  status: Parameters<typeof findMissingTables>[1]
  migrations: Match<StoredRow>[]
}

async function startOver(query: Query, { folder, status, migrations }: Start) {
  const { all, missing } = await findMissingTables(folder, status, await readCatalog(query))
  const left = all.filter(table => !missing.includes(table))
  if (all.length === 0 || left.length > 0) {
    const problem = `--start-over is for a database that has no table of the folder left${left.length > 0 ? `, and this one has ${list(left)}` : ''}`
    return { changes: [], problems: [problem] }
  }
  const changes = migrations.flatMap(({ name, rows }) => rows.map(row => remove(row, `the row of ${name}`)))
  return { changes, problems: [] }
}

function correctionLine({ from, to }: Correction): string {
  const parts = [
    ...(from.name === to.name ? [] : [`is named ${to.name}`]),
    ...(from.when === to.when ? [] : [`was ${timeOf(from.when)}, and is ${timeOf(to.when)}`])
  ]
  return `journal: ${from.name} ${parts.join(' and ')}`
}

function timeOf(when: number): string {
  return new Date(when).toISOString()
}
