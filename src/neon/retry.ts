/**
 * Which failed transactions may be run again: those of which it is certain that nothing was stored, and
 * likely that another run fares better.
 */
import { toFailure } from './failure.ts'

/** Serialization failure and deadlock. PostgreSQL, "Serialization Failure Handling". */
const CONFLICTS = new Set<string | undefined>(['40001', '40P01'])

export interface FailedRun {
  error: unknown
  /** The link broke, and COMMIT had not been sent. */
  wasLinkLost: boolean
}

/** A lost link counts only when it is what the work failed with: an error of the work's own is final. */
export function isRepeatable({ error, wasLinkLost }: FailedRun): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return CONFLICTS.has(sqlState) || (wasLinkLost && (kind === 'lost' || kind === 'unreachable'))
}
