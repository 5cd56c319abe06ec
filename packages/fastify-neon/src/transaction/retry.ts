/**
 * Which failed transactions may be run again: those of which it is certain that nothing was stored, and
 * likely that another run fares better.
 */
import { toFailure } from '../errors/failure.ts'

/** Serialization failure and deadlock. PostgreSQL, "Serialization Failure Handling". */
const CONFLICTS = new Set<string | undefined>(['40001', '40P01'])

export interface FailedRun {
  error: unknown
  /** The connection broke, and COMMIT had not been sent. */
  wasConnectionLost: boolean
}

/** A lost connection counts only when it is what the work failed with: an error of the work's own is final. */
export function isRepeatable({ error, wasConnectionLost }: FailedRun): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return CONFLICTS.has(sqlState) || (wasConnectionLost && (kind === 'lost' || kind === 'unreachable'))
}
