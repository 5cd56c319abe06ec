/**
 * A transaction of a run: what is in it and its rows in the ledger are one.
 */

import type { Session } from '../client/single-session.ts'
import { isServerResponse } from '../errors/failure.ts'
import { within } from '../runtime/deadline.ts'
import { ignore, type MigrationListener } from './events.ts'
import { type FailedAt, toFailedMigration } from './failed.ts'
import type { Migration } from './files/folder.ts'
import type { Statement } from './files/statements.ts'
import { type LedgerName, ledgerSql } from './ledger/ledger.ts'

export interface Run {
  session: Session
  ledger: LedgerName
  /** Longest wait of a statement for a lock that somebody else holds, in ms. */
  lockTimeoutMs: number
  /** Longest time of one statement, in ms; a migration may set its own. */
  statementTimeoutMs: number
  report: MigrationListener
}

const ROLLBACK_TIMEOUT_MS = 1000
// Whoever ends in the middle of a transaction must not keep its locks.
const IDLE_TIMEOUT_MS = 60_000
const NOTICE_LOSS_MS = 2000
// For statements that set statement_timeout to none.
const A_DAY_MS = 86_400_000

/** Whatever a migration before may have set is gone. */
export async function settle({ session, lockTimeoutMs, statementTimeoutMs }: Run): Promise<void> {
  await session.execute(
    `RESET ALL; RESET ROLE;
     SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = ${statementTimeoutMs};
     SET idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`,
    0
  )
  // Otherwise a statement runs on when its run was killed, and keeps the lock. Not every system can.
  // PostgreSQL, client_connection_check_interval.
  await session.execute(`SET client_connection_check_interval = ${NOTICE_LOSS_MS}`, 0).catch(ignore)
}

export interface Attempt {
  /** The one that is worked on when something fails. */
  migration: Migration
  /** What is left of it when its statement fails. */
  remains: 'rolled-back' | 'interrupted'
}

/** With the ledger locked, since drizzle-kit takes no lock of ours and may write to it meanwhile. */
export async function inTransaction(
  { session, ledger, lockTimeoutMs }: Run,
  attempt: Attempt,
  work: () => Promise<void>
): Promise<void> {
  let isCommitting = false
  try {
    await session.query('BEGIN')
    await session.execute(`LOCK TABLE ${ledgerSql(ledger)} IN SHARE ROW EXCLUSIVE MODE`, lockTimeoutMs)
    await work()
    const timeoutMs = await statementTimeoutOf(session)
    isCommitting = true
    // Constraints that were deferred are checked here.
    await session.execute('COMMIT', timeoutMs)
  } catch (error) {
    await within(ROLLBACK_TIMEOUT_MS, session.query('ROLLBACK')).catch(ignore)
    const isUnknown = isCommitting && !isServerResponse(error)
    throw toFailedMigration(error, isUnknown ? { ...attempt, remains: 'unknown' } : attempt)
  }
}

/** One statement of a migration. */
export async function execute({ session }: Run, at: FailedAt & { statement: Statement }): Promise<void> {
  const timeoutMs = await statementTimeoutOf(session)
  await session.execute(at.statement.sql, timeoutMs).catch((error: unknown) => {
    throw toFailedMigration(error, at)
  })
}

async function statementTimeoutOf({ query }: Session): Promise<number> {
  const [row] = await query<{ setting: string }>(
    "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"
  )
  return Number(row?.setting) || A_DAY_MS
}
