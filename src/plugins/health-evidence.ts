/**
 * What the events of the pool say about the database.
 */
import type { FailureKind } from '../errors.ts'
import type { FailureReason } from '../health/database.ts'
import type { PoolEvidence } from '../health/monitor.ts'
import type { PoolEvent } from '../neon/pool.ts'

/** Undefined for an event that says nothing, such as a full pool. */
export function evidenceOf(event: PoolEvent): PoolEvidence | undefined {
  switch (event.type) {
    case 'connected':
      return { type: 'answered' }
    case 'connect-failed':
    case 'connect-retried':
    case 'held-client-lost':
      return failureEvidence(event.failure.kind)
    case 'statement-unanswered':
      return { type: 'failed', reason: 'silent' }
    // As Neon does when it suspends: it is no failure, and nobody was waiting.
    case 'idle-client-lost':
      return { type: 'closed' }
    case 'checked-out':
      return { type: 'wanted' }
    default:
      return undefined
  }
}

/**
 * Whether an event makes it doubtful that the schema is still the one that was looked at: what a statement names is not
 * there; or a connection was made after others were ended, as when a branch is reset or restored.
 */
export function createSchemaDoubt(): (event: PoolEvent) => boolean {
  let wasLost = false
  return ({ type }) => {
    if (type === 'idle-client-lost' || type === 'held-client-lost') wasLost = true
    const isNew = type === 'connected' && wasLost
    if (isNew) wasLost = false
    return isNew || type === 'object-unknown'
  }
}

/** An answer of the server that refuses the login is a failure too: nothing can be done with the database. */
export function reasonOf(kind: FailureKind): FailureReason {
  switch (kind) {
    case 'refused':
    case 'connectFailed':
      return 'refused'
    case 'waking':
    case 'crowded':
      return kind
    default:
      return 'unreachable'
  }
}

function failureEvidence(kind: FailureKind): PoolEvidence | undefined {
  // The pool was closed, or its caller went away: the database has no part in it.
  if (kind === 'closed' || kind === 'aborted') return undefined
  const reason = reasonOf(kind)
  // Neon's proxy says that the compute is coming: the one who waits for it brings the evidence.
  return reason === 'waking' ? { type: 'wanted' } : { type: 'failed', reason }
}
