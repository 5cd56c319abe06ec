/**
 * Tells an error of which nobody knows whether the server is still at work, and one of which it is known that it was not.
 */
import { toFailure } from './failure.ts'
import type { Flight } from './flight.ts'

/** True when a statement was given up without an answer: the next one would wait behind it. */
export function isHung(error: unknown): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return sqlState === undefined && (kind === 'timeout' || kind === 'transactionTimeout' || kind === 'aborted')
}

/**
 * It waited behind others that took all its time, so the wait for a client is over and its own time begins; or the
 * cancel of one of them came too late, and met it.
 */
export function wasNotDone({ isReached, isMetByCancel }: Flight, error: unknown): boolean {
  return isMetByCancel || (isHung(error) && !isReached)
}
