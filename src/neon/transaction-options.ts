/**
 * What a transaction can be told: Drizzle's modes and our limits, checked before a client is taken.
 */
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import { checkLimit } from './pool-limits.ts'

export interface TransactionOptions extends PgTransactionConfig {
  /** Gives the transaction up, at any point before COMMIT is sent; afterwards it has no effect. */
  signal?: AbortSignal
  /** Longest time until COMMIT is sent, the wait for a client and all repeats included, in ms. @default the pool's `transactionTimeoutMs` */
  timeoutMs?: number
  /**
   * How often the work may be repeated after a serialization failure, a deadlock, or a link that was lost
   * before COMMIT was sent. Only for work without any effect but on the database. @default 0, range 0 to 10
   */
  retry?: number
  /**
   * Makes the server name the transaction at BEGIN, in the same message, so that an unknown outcome of
   * COMMIT can be resolved. It costs a transaction id, and takes the snapshot of `repeatable read` at
   * BEGIN. Without effect when the access mode is `read only`. @default false
   */
  trackOutcome?: boolean
}

export const MAX_RETRY = 10

const ISOLATION_LEVELS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']
const ACCESS_MODES = ['read only', 'read write']

export interface TransactionPlan {
  begin: string
  timeoutMs: number
  retry: number
}

/** Throws TypeError for a mode that Postgres does not have and FST_NEON_OPTION_INVALID for a limit out of range. */
export function planTransaction(options: TransactionOptions, defaultTimeoutMs: number): TransactionPlan {
  const { timeoutMs = defaultTimeoutMs, retry = 0, trackOutcome = false, accessMode } = options
  checkLimit('timeoutMs', timeoutMs)
  checkLimit('retry', retry, { minimum: 0, maximum: MAX_RETRY })
  const isTracked = trackOutcome && accessMode !== 'read only'
  const begin = beginStatement(options)
  return { begin: isTracked ? `${begin}; ${NAME_TRANSACTION}` : begin, timeoutMs, retry }
}

const NAME_TRANSACTION = 'SELECT pg_current_xact_id()::text AS xid'

/** Drizzle appends these words raw, so they are compared with the words that exist. */
function beginStatement({ isolationLevel, accessMode, deferrable }: PgTransactionConfig): string {
  const words = ['BEGIN']
  if (isolationLevel !== undefined) words.push('ISOLATION LEVEL', oneOf(ISOLATION_LEVELS, isolationLevel))
  if (accessMode !== undefined) words.push(oneOf(ACCESS_MODES, accessMode))
  if (deferrable !== undefined) words.push(deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE')
  return words.join(' ')
}

function oneOf(allowed: string[], word: string): string {
  if (!allowed.includes(word)) throw new TypeError(`a transaction's mode is one of: ${allowed.join(', ')}`)
  return word
}
