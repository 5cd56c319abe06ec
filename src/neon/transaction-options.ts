/**
 * What a transaction can be told: Drizzle's modes and our limits, checked before a client is taken.
 */
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import type { FlightStatement } from './flight.ts'
import { type Identity, identityFlight, identityStatement } from './identity.ts'
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

export interface OpeningRow {
  /** Of a transaction that is tracked. */
  xid?: string
  /** Of one that is READ ONLY. */
  isolation?: string
}

export const MAX_RETRY = 10

const ISOLATION_LEVELS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']
const ACCESS_MODES = ['read only', 'read write']

export interface TransactionPlan {
  /** One message, so that no statement comes between BEGIN and the identity. */
  begin: string
  /** The same as the beginning of a flight. The rows of those that are not quiet are an `OpeningRow` together. */
  opening: readonly FlightStatement[]
  isReadOnly: boolean
  timeoutMs: number
  retry: number
}

/** Throws TypeError for a mode that Postgres does not have and FST_NEON_OPTION_INVALID for a limit out of range. */
export function planTransaction(
  options: TransactionOptions,
  { defaultTimeoutMs, identity }: { defaultTimeoutMs: number; identity: Identity | undefined }
): TransactionPlan {
  const { timeoutMs = defaultTimeoutMs, retry = 0, trackOutcome = false, accessMode } = options
  checkLimit('timeoutMs', timeoutMs)
  checkLimit('retry', retry, { minimum: 0, maximum: MAX_RETRY })
  const isReadOnly = accessMode === 'read only'
  const first = beginStatement(options)
  const statements = [first, identity && identityStatement(identity)]
  const opening = [{ text: first, isQuiet: true }, ...identityFlight(identity ?? {})]
  // Last, since the answer to it is read.
  const question = questionOf(isReadOnly, trackOutcome)
  if (question !== undefined) {
    statements.push(question)
    opening.push({ text: question })
  }
  const begin = statements.filter(statement => statement !== undefined).join('; ')
  return { begin, opening, isReadOnly, timeoutMs, retry }
}

function questionOf(isReadOnly: boolean, trackOutcome: boolean): string | undefined {
  // Whether its COMMIT can still fail.
  if (isReadOnly) return "SELECT current_setting('transaction_isolation') AS isolation"
  return trackOutcome ? 'SELECT pg_current_xact_id()::text AS xid' : undefined
}

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
