/**
 * A single SELECT: one flight, with the role and the claims of its user in front of it, in a transaction that the
 * server opens and ends by itself. Nothing is left of it on the connection, so it may ride on one that others use.
 */
import { toFailure } from './failure.ts'
import { Flight, type FlightResult, type FlightStatement, unnamed } from './flight.ts'
import { isHung, wasNotDone } from './hang.ts'
import { type Identity, identityFlight } from './identity.ts'
import type { KnownStatement } from './known-statements.ts'
import type { NeonPool } from './pool.ts'
import { isRepeatable } from './retry.ts'
import { isStalePlan, suspectOf } from './stale-plan.ts'
import type { PreparedAs } from './statement-names.ts'
import { isQuery } from './statement-text.ts'

// A link that is lost is lost once, and the second one may have been as old.
const MOST_REPEATS = 2

/**
 * Runs a statement as `identity`, where nothing may be written. Repeats it after the loss of a link, unless it calls
 * what may have effects besides, such as `pg_notify`. Throws what the
 * server answers, 25006 for a statement that writes; and a DatabaseFailure when there was no identity or no client.
 */
export async function runRead(
  pool: NeonPool,
  identity: Identity,
  statement: FlightStatement
): Promise<FlightResult | undefined> {
  const startedAt = performance.now()
  const before = identityFlight(identity, { readOnly: true })
  const wasLinkLost = isQuery(statement.text)
  const mayRepeat = (error: unknown) => isStalePlan(error) || isRepeatable({ error, wasLinkLost })
  try {
    const result = await repeat({ pool, before, statement, mayRepeat })
    report('committed')
    return result
  } catch (error) {
    report('rolled-back')
    throw error
  }

  function report(outcome: 'committed' | 'rolled-back') {
    pool.report({ type: 'transaction-ended', outcome, durationMs: performance.now() - startedAt })
  }
}

/** Runs a statement as it is, with the role of the login, and only again when the server has not executed it. */
export function runQuery(pool: NeonPool, statement: FlightStatement): Promise<FlightResult | undefined> {
  return repeat({ pool, before: [], statement, mayRepeat: isStalePlan })
}

interface Repeatable {
  pool: NeonPool
  /** Not the statement itself: the role and the claims. */
  before: readonly FlightStatement[]
  statement: FlightStatement
  mayRepeat: (error: unknown) => boolean
}

async function repeat({ pool, before, statement, mayRepeat }: Repeatable): Promise<FlightResult | undefined> {
  let suspect: PreparedAs | undefined
  for (let repeats = 0; ; repeats += 1) {
    let flight: Flight | undefined
    try {
      const results = await pool.fly(
        () => {
          flight = new Flight([...before, statement].map(repeats === 0 ? pool.named : unnamed), {
            endsIdle: true,
            // With an identity it has that to be known by.
            isMarked: before.length === 0
          })
          return flight
        },
        { isAlone: mustBeAlone(pool.known.of(statement.text)) }
      )
      if (suspect) pool.names.noteStale(suspect.text, suspect.name)
      return results.at(-1)
    } catch (error) {
      // Without one there was no client, for which the pool has tried as long as it may.
      if (flight === undefined) throw error
      const isOfStatement = flight.answered === before.length || isHung(error)
      suspect = suspectOf(flight, error)
      if (repeats >= MOST_REPEATS || !(suspect || mayRepeat(error) || wasNotDone(flight, error)))
        throw isOfStatement ? error : toFailure(error, 'begin')
      pool.report({ type: 'transaction-repeated', failure: toFailure(error, 'statement'), delayMs: 0 })
    }
  }
}

/** Others would wait long, or meet what it leaves on the session. */
export function mustBeAlone({ isSlow, changesSession }: KnownStatement): boolean {
  return isSlow || changesSession
}
