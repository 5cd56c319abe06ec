/**
 * The only way to run a transaction: it ends as committed (the tag COMMIT was
 * seen), as rolled back, or as one of unknown outcome, and never leaks a client.
 */
import type { NeonClient } from '../client/client.ts'
import { type Abortable, createLimit, failureOfAbort, pause, unlessAborted } from '../errors/abort.ts'
import { TransactionRolledBackError } from '../errors/errors.ts'
import { DatabaseFailure, toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import type { NeonPool } from '../pool/pool.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { within } from '../runtime/deadline.ts'
import { TRANSACTION, type TransactionMessage, traced } from '../tracing/channels.ts'
import { type Begun, openTransaction } from './begin.ts'
import type { Identity } from './claims.ts'
import { CommitOutcomeUnknown } from './commit-outcome.ts'
import { planTransaction, type TransactionOptions, type TransactionPlan } from './options.ts'
import { type FailedRun, isRepeatable } from './retry.ts'
import { createScope, type Scope } from './scope.ts'

type Work<T> = (scope: Scope) => Promise<T>

interface Run {
  pool: NeonPool
  plan: TransactionPlan
  /** Of the caller and of the time. */
  signal: Abortable
  message: TransactionMessage | undefined
}

const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 1000

// PostgreSQL, "Transaction Isolation": the only one that looks at COMMIT at what was read is left out.
const SAFE_ISOLATION = new Set<string | undefined>(['read uncommitted', 'read committed', 'repeatable read'])

// A round trip on a slow connection. Without an answer the client is closed, and the server rolls back.
const ROLLBACK_TIMEOUT_MS = 1000

/**
 * Runs `work` between BEGIN and COMMIT on one client of the pool, as `identity`, and again as often as
 * `retry` says.
 *
 * Throws what `work` throws, after a rollback. Throws a DatabaseFailure when no client or no BEGIN could be
 * had, or when it was given up or took too long; CommitOutcomeUnknown when the connection broke after COMMIT was
 * sent; and TransactionRolledBackError when the server answered COMMIT with a rollback.
 */
export function runTransaction<T>(pool: NeonPool, options: OptionsAs, work: Work<T>): Promise<T> {
  if (!TRANSACTION.hasSubscribers) return runToEnd(pool, options, work)
  const message: TransactionMessage = { pool, attempt: 1 }
  return traced(TRANSACTION, message, () => runToEnd(pool, { ...options, message }, work))
}

type OptionsAs = TransactionOptions & { identity?: Identity | undefined }

async function runToEnd<T>(
  pool: NeonPool,
  { identity, message, ...options }: OptionsAs & { message?: TransactionMessage },
  work: Work<T>
): Promise<T> {
  const plan = planTransaction(options, { defaultTimeoutMs: pool.transactionTimeoutMs, identity })
  const startedAt = performance.now()
  const limit = createLimit({
    signal: options.signal,
    timeoutMs: plan.timeoutMs,
    onTimeout: () => new DatabaseFailure('transactionTimeout')
  })
  return repeat({ pool, plan, signal: limit.signal, message }, work)
    .then(
      result => {
        end('committed')
        return result
      },
      error => {
        end(error instanceof CommitOutcomeUnknown ? 'unknown' : 'rolled-back')
        throw error
      }
    )
    .finally(limit.dispose)

  function end(outcome: 'committed' | 'rolled-back' | 'unknown') {
    if (message) message.outcome = outcome
    pool.report({ type: 'transaction-ended', outcome, durationMs: performance.now() - startedAt })
  }
}

async function repeat<T>(run: Run, work: Work<T>): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    const outcome = await runOnce(run, work)
    if ('result' in outcome) return outcome.result
    const { error } = outcome
    if (failures > run.plan.retry || run.signal.aborted || !isRepeatable(outcome)) throw error
    const delayMs = backoffMs({ firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, failures })
    run.pool.report({ type: 'transaction-repeated', failure: toFailure(error, 'statement'), delayMs })
    // The error of the work says more than that there was no time for another run.
    await pause(delayMs, run.signal).catch(() => Promise.reject(error))
    if (run.message) run.message.attempt += 1
  }
}

async function runOnce<T>(run: Run, work: Work<T>): Promise<{ result: T } | FailedRun> {
  const begun = await openTransaction(run)
  // A release destroys the client unless its transaction is over.
  return workAndCommit(run, begun, work).then(
    result => ({ result }),
    (error: unknown) => {
      const { checkedOut } = begun
      // The beginning has tried other connections itself.
      const wasConnectionLost =
        begun.isBegun && !checkedOut.isConnected && (begun.hasNoEffect || !isCommitSent(checkedOut))
      begun.release(error instanceof CommitOutcomeUnknown)
      return { error, wasConnectionLost }
    }
  )
}

async function workAndCommit<T>(run: Run, begun: Begun, work: Work<T>): Promise<T> {
  const result = await workOrRollBack(begun, run.signal, work)
  const { checkedOut } = begun
  if (!begun.isBegun) begun.release()
  else if (isSureToCommit(begun)) releaseAfter(begun, checkedOut.query('COMMIT'))
  else {
    await commit(run, begun)
    begun.release()
  }
  return result
}

/** What has changed nothing is answered at once. One that is serializable may still learn that it has read what never was. */
function isSureToCommit({ checkedOut, row, hasNoEffect }: Begun): boolean {
  return (
    hasNoEffect &&
    checkedOut.transactionStatus === 'open' &&
    !checkedOut.isBusy &&
    SAFE_ISOLATION.has(row.isolation)
  )
}

/** When it is not answered the client is not clean. */
function releaseAfter(begun: Begun, commitment: Promise<unknown>) {
  commitment.then(ignore, ignore).then(() => begun.release())
}

async function workOrRollBack<T>(begun: Begun, signal: Abortable, work: Work<T>): Promise<T> {
  const scope = createScope(begun.client)
  try {
    // Closed before the end of the transaction is sent: what comes later would run behind it.
    const result = await unlessAborted(signal, Promise.resolve(scope).then(work)).finally(scope.close)
    await unlessAborted(signal, begun.settled())
    if (signal.aborted) throw failureOfAbort(signal)
    const doom = scope.doomedBy()
    if (doom) throw doom
    // The work itself has ended it, and COMMIT would be answered as if there were something to commit.
    if (!begun.client.isInTransaction) throw new DatabaseFailure('transactionOver')
    return result
  } catch (error) {
    // The first error is what the caller must see, whatever becomes of the rollback.
    begun.close()
    // Its first statement may still be on the way, for which nobody waited.
    if (!isTimeout(error)) await within(ROLLBACK_TIMEOUT_MS, begun.settled()).catch(ignore)
    if (begun.isBegun) await rollBack(begun.checkedOut, error)
    throw error
  }
}

/** Without one the client is not clean, so its release destroys it, and the server rolls back. */
async function rollBack(client: NeonClient, error: unknown) {
  // Behind a statement that got no answer a ROLLBACK would wait as long again.
  if (!client.isConnected || (client.isBusy && isTimeout(error))) return
  await within(ROLLBACK_TIMEOUT_MS, client.query('ROLLBACK')).catch(ignore)
}

/** From here on no signal has an effect: the outcome is the server's. */
async function commit({ pool }: Run, { checkedOut: client, row: { xid }, hasNoEffect }: Begun) {
  const cause: unknown = await client.query('COMMIT').then(ignore, (error: unknown) => error)
  const isSent = isCommitSent(client)
  // Whatever comes behind the tag, such as the loss of the connection, does not change it.
  if (isSent && client.lastTag === 'COMMIT') return
  // A transaction that already failed answers COMMIT with success and this tag.
  if (isSent && client.lastTag === 'ROLLBACK') throw new TransactionRolledBackError()
  // Of what has changed nothing the outcome is known.
  const failure = toFailure(cause, isSent && !hasNoEffect ? 'commit' : 'statement')
  // Also for a tag out of broken bytes.
  throw failure.kind === 'commitOutcomeUnknown' ? new CommitOutcomeUnknown({ pool, xid, cause }) : failure
}

function isCommitSent(client: NeonClient) {
  return client.lastCommand === 'COMMIT'
}

function ignore() {}
