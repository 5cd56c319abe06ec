/**
 * What a transaction can be told: Drizzle's modes and our limits, checked before a client is taken.
 */
import type { PipelineStatement } from '../client/pipeline.ts'
import { OptionInvalidError } from '../errors/errors.ts'
import { checkLimit } from '../pool/options.ts'
import { claimsPipeline, type Identity, identityStatement } from './claims.ts'

/** The modes of Postgres, as Drizzle takes them. */
export interface TransactionModes {
  /** @default that of the database, by default `read committed` */
  isolationLevel?: 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable' | undefined
  /** @default that of the database, by default `read write` */
  accessMode?: 'read only' | 'read write' | undefined
  /** With serializable and read only: wait for a snapshot with which it cannot fail. @default false */
  deferrable?: boolean | undefined
  /** What `pg_export_snapshot()` returned in another transaction: this one uses its snapshot. Not with `read committed`. */
  snapshot?: string | undefined
}

export interface TransactionOptions extends TransactionModes {
  /** Aborts the transaction until COMMIT is sent. Later it has no effect. */
  signal?: AbortSignal
  /** Longest time until COMMIT is sent, including the wait for a connection and all retries, in ms. @default the pool's `transactionTimeoutMs` */
  timeoutMs?: number
  /**
   * How often the work may run again after a serialization failure, a deadlock, or a connection that was lost
   * before COMMIT was sent. Only for work that changes nothing but the database. @default 0, range 0 to 10
   */
  retry?: number
  /**
   * Ask the server for the transaction id in the message of BEGIN, so that an unknown outcome of COMMIT can be
   * resolved. It uses a transaction id, and takes the snapshot of `repeatable read` at BEGIN. It has no effect
   * when the access mode is `read only`. @default false
   */
  trackCommitOutcome?: boolean
}

export interface BeginRow {
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
  begin(): string
  /** The same as the beginning of a pipeline. The rows of those that are not quiet are an `BeginRow` together. */
  beginStatements: readonly PipelineStatement[]
  isReadOnly: boolean
  timeoutMs: number
  retry: number
  /** Of the identity. */
  share: string | undefined
}

/** Throws TypeError for a mode that Postgres does not have and FST_NEON_OPTION_INVALID for a limit out of range. */
export function planTransaction(
  options: TransactionOptions,
  { defaultTimeoutMs, identity }: { defaultTimeoutMs: number; identity: Identity | undefined }
): TransactionPlan {
  const { timeoutMs = defaultTimeoutMs, retry = 0, trackCommitOutcome = false, accessMode } = options
  checkLimit('timeoutMs', timeoutMs)
  checkLimit('retry', retry, { minimum: 0, maximum: MAX_RETRY })
  const isReadOnly = accessMode === 'read only'
  const first = [beginStatement(options), ...snapshotStatement(options)]
  const beginStatements = [
    ...first.map((text): PipelineStatement => ({ text, isQuiet: true })),
    ...claimsPipeline(identity ?? {})
  ]
  // Last, since the answer to it is read.
  const question = questionOf(isReadOnly, trackCommitOutcome)
  if (question !== undefined) beginStatements.push({ text: question })
  const begin = () => {
    const statements = [...first, identity && identityStatement(identity), question]
    return statements.filter(statement => statement !== undefined).join('; ')
  }
  return { begin, beginStatements, isReadOnly, timeoutMs, retry, share: identity?.share }
}

function questionOf(isReadOnly: boolean, trackCommitOutcome: boolean): string | undefined {
  // Whether its COMMIT can still fail.
  if (isReadOnly) return "SELECT current_setting('transaction_isolation') AS isolation"
  return trackCommitOutcome ? 'SELECT pg_current_xact_id()::text AS xid' : undefined
}

/** Drizzle appends these words raw, so they are compared with the words that exist. */
function beginStatement({ isolationLevel, accessMode, deferrable }: TransactionModes): string {
  const words = ['BEGIN']
  if (isolationLevel !== undefined) words.push('ISOLATION LEVEL', oneOf(ISOLATION_LEVELS, isolationLevel))
  if (accessMode !== undefined) words.push(oneOf(ACCESS_MODES, accessMode))
  if (deferrable !== undefined) words.push(deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE')
  return words.join(' ')
}

// PostgreSQL, snapmgr.c, the name of an exported snapshot.
const SNAPSHOT = /^[\dA-F]{8}-[\dA-F]{8}-\d+$/

/** Before any query, the identity included. */
function snapshotStatement({ snapshot }: TransactionModes): string[] {
  if (snapshot === undefined) return []
  if (!SNAPSHOT.test(snapshot))
    throw new OptionInvalidError(
      'snapshot must be what pg_export_snapshot() gave, such as 00000003-0000001B-1'
    )
  return [`SET TRANSACTION SNAPSHOT '${snapshot}'`]
}

function oneOf(allowed: string[], word: string): string {
  if (!allowed.includes(word)) throw new TypeError(`a transaction's mode is one of: ${allowed.join(', ')}`)
  return word
}
