/**
 * What the events of the pool say about the database.
 */
import type { FailureKind } from '../../errors/errors.ts'
import type { FailureReason } from '../../health/database.ts'
import type { PoolEvidence } from '../../health/database-monitor.ts'
import type { SchemaDoubt } from '../../health/migrations.ts'
import type { PoolEvent } from '../../pool/pool.ts'

/** Undefined for an event that says nothing, such as a full pool. */
export function evidenceOf(event: PoolEvent): PoolEvidence | undefined {
  switch (event.type) {
    case 'connected':
      return { type: 'answered' }
    case 'connect-failed':
    case 'connect-retried':
    case 'checked-out-client-lost':
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

/** Why an event makes it doubtful that the schema is still the one that was looked at; undefined when it does not. */
export function createSchemaDoubts(): (event: PoolEvent) => SchemaDoubt | undefined {
  let wasLost = false
  return event => {
    switch (event.type) {
      case 'idle-client-lost':
      case 'checked-out-client-lost':
        wasLost = true
        return undefined
      case 'connected': {
        const cause = wasLost ? 'changed' : event.isOnly ? 'unwatched' : undefined
        wasLost = false
        return cause
      }
      case 'object-unusable':
        return 'changed'
      case 'checked-out':
        return 'in-use'
      default:
        return undefined
    }
  }
}

/** An answer of the server that refuses the login is a failure too: nothing can be done with the database. */
export function reasonOf(kind: FailureKind): FailureReason {
  switch (kind) {
    case 'refused':
    case 'connectFailed':
      return 'refused'
    case 'waking':
    case 'tooManyConnections':
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
