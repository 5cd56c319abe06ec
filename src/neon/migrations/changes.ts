/**
 * Changes of the ledger that db:repair makes: each with the line that says it.
 */
import { type LedgerName, ledgerSql, type StoredRow } from './ledger.ts'
import { clearProgress, moveProgress, type Progress } from './progress.ts'
import type { Query } from './session.ts'

export interface Change {
  line: string
  run: (query: Query, ledger: LedgerName) => Promise<unknown>
}

export interface Changes {
  changes: Change[]
  /** What is not changed, and why. */
  problems: string[]
}

export function removeRow({ id }: StoredRow, what: string): Change {
  return {
    line: `ledger: ${what} is taken out`,
    run: (query, ledger) => query(`DELETE FROM ${ledgerSql(ledger)} WHERE id = $1`, [id])
  }
}

export function removeUnknownRow(row: StoredRow): Change {
  return removeRow(row, `the row of ${timeOf(row.createdAt)}, which no file of this folder explains,`)
}

/** To another time. */
export function moveRow(name: string, { id, createdAt }: StoredRow, when: number): Change {
  return {
    line: `ledger: ${name} was ${timeOf(createdAt)}, and is ${timeOf(when)}`,
    run: (query, ledger) => query(`UPDATE ${ledgerSql(ledger)} SET created_at = $2 WHERE id = $1`, [id, when])
  }
}

/** Of a migration that a run stopped in the middle of: otherwise its first statements would be left out, or run again. */
export function removeProgress({ createdAt }: Progress): Change {
  return {
    line: `progress: the note that a run stopped in the middle of the migration of ${timeOf(createdAt)} is taken out`,
    run: (query, ledger) => clearProgress(query, ledger, { when: createdAt })
  }
}

export function moveProgressRow(name: string, progress: Progress, when: number): Change {
  return {
    line: `progress: ${name} was ${timeOf(progress.createdAt)}, and is ${timeOf(when)}`,
    run: (query, ledger) => moveProgress(query, ledger, progress, when)
  }
}

export function timeOf(when: number): string {
  return new Date(when).toISOString()
}
