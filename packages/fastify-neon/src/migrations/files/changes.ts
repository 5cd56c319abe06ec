/**
 * Changes of the ledger that db:repair makes: each with the line that says it.
 */

import type { Query } from '../../client/single-session.ts'
import { type LedgerName, ledgerSql, type StoredRow } from '../ledger/ledger.ts'
import { clearProgress, moveProgress, type Progress } from '../ledger/progress.ts'
import type { JournalEntry } from './folder.ts'

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
  return removeRow(row, `the row of ${placeOf(row)}, which no file of this folder explains,`)
}

/** To another time, or name. */
export function moveRow(name: string, row: StoredRow, { when, ...to }: JournalEntry): Change {
  const { id } = row
  const line = `ledger: ${name} was ${placeOf(row)}, and is ${to.hasFolder ? to.name : timeOf(when)}`
  return {
    line,
    run: (query, ledger) =>
      to.hasFolder
        ? query(`UPDATE ${ledgerSql(ledger)} SET created_at = $2, name = $3 WHERE id = $1`, [
            id,
            when,
            to.name
          ])
        : query(`UPDATE ${ledgerSql(ledger)} SET created_at = $2 WHERE id = $1`, [id, when])
  }
}

/** Of a migration that a run stopped in the middle of: otherwise its first statements would be left out, or run again. */
export function removeProgress(progress: Progress): Change {
  return {
    line: `progress: the note that a run stopped in the middle of the migration of ${placeOf(progress)} is taken out`,
    run: (query, ledger) => clearProgress(query, ledger, progress)
  }
}

export function moveProgressRow(name: string, progress: Progress, to: JournalEntry): Change {
  return {
    line: `progress: ${name} was ${placeOf(progress)}, and is ${to.hasFolder ? to.name : timeOf(to.when)}`,
    run: (query, ledger) => moveProgress(query, ledger, progress, to)
  }
}

export function timeOf(when: number): string {
  return new Date(when).toISOString()
}

function placeOf({ createdAt, name }: { createdAt: number; name?: string | null | undefined }): string {
  return name ?? timeOf(createdAt)
}
