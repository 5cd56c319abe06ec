/**
 * Lets one run at a time work. The lock is the session's, so it goes when the connection goes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Query } from '../client/single-session.ts'
import { MigrationsLockedError } from '../errors/errors.ts'

export interface LockOptions {
  /** Longest wait for another run, in ms. */
  waitMs: number
  /** Called when the wait begins, and every few seconds. */
  onWaiting: (waiting: LockWait) => void
}

export interface LockWait {
  /** In ms. */
  waitedMs: number
  /** Process id of the backend that has the lock; undefined when it has just let go. */
  holder: number | undefined
}

// Any number will do, as long as every run of this project takes the same one.
export const LOCK_KEY = 7_166_341_970

const POLL_MS = 200
const REPORT_EVERY_MS = 10_000

/**
 * Asks again and again, and does not wait in the server: CREATE INDEX CONCURRENTLY waits for every statement
 * that is under way, a wait for this lock included, and the two would stand still together.
 * Throws FST_NEON_MIGRATIONS_LOCKED when the time is over.
 */
export async function takeLock(query: Query, { waitMs, onWaiting }: LockOptions): Promise<void> {
  const startedAt = performance.now()
  let reportAtMs = 0
  while (!(await tryLock(query))) {
    const waitedMs = performance.now() - startedAt
    if (waitedMs >= waitMs) throw new MigrationsLockedError(waitMs)
    if (waitedMs >= reportAtMs) {
      onWaiting({ waitedMs: Math.round(waitedMs), holder: await holderOf(query) })
      reportAtMs = waitedMs + REPORT_EVERY_MS
    }
    await sleep(Math.min(POLL_MS, waitMs - waitedMs))
  }
}

async function tryLock(query: Query): Promise<boolean> {
  const [row] = await query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCK_KEY])
  return row?.locked === true
}

/** A key of 64 bits stands in pg_locks in two halves. PostgreSQL, "pg_locks". */
async function holderOf(query: Query): Promise<number | undefined> {
  const [row] = await query<{ pid: number }>(
    `SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
       WHERE datname = current_database() AND locktype = 'advisory' AND granted AND objsubid = 1
         AND (classid::bigint << 32 | objid::bigint) = $1`,
    [LOCK_KEY]
  )
  return row?.pid
}
