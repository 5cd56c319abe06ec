/**
 * Tells an error of which nobody knows whether the server is still at work.
 */

import { toFailure } from './failure.ts'

/** True when a statement was given up without an answer: the next one would wait behind it. */
export function isTimeout(error: unknown): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return sqlState === undefined && (kind === 'timeout' || kind === 'transactionTimeout' || kind === 'aborted')
}
