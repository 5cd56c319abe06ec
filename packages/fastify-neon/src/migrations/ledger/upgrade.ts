/**
 * Makes a ledger of Drizzle 0.x one of 1.0, as Drizzle's own `migrate` does before it applies folders.
 */
import type { Query } from '../../client/single-session.ts'
import type { FolderFiles } from '../files/folder.ts'
import { matchRows } from '../status.ts'
import { changeLedger, exists, type LedgerName, ledgerSql, NEW_COLUMNS, readLedger } from './ledger.ts'

/** Does nothing to one that has names, and to one with a row that no file explains: a finding says so. */
export async function upgradeLedger(
  query: Query,
  ledger: LedgerName,
  folder: Pick<FolderFiles, 'journal' | 'files'>
): Promise<void> {
  const table = ledgerSql(ledger)
  if (!(await exists(query, table)) || (await hasNames(query, table))) return
  await changeLedger(query, ledger, async () => {
    const { migrations, unknown } = matchRows({ ...folder, rows: await readLedger(query, ledger) })
    if (unknown.length > 0) return
    for (const column of NEW_COLUMNS) await query(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${column}`)
    for (const { name, rows } of migrations)
      for (const { id } of rows)
        await query(`UPDATE ${table} SET name = $2, applied_at = NULL WHERE id = $1`, [id, name])
  })
}

async function hasNames(query: Query, table: string): Promise<boolean> {
  const columns = await query(
    "SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'name' AND NOT attisdropped",
    [table]
  )
  return columns.length > 0
}
