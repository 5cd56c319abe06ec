/**
 * Statements that are known beforehand: one flight, one transaction, one round trip. The server commits them
 * together at the end of the flight, and none of them when one fails.
 */
import { OptionInvalidError } from '../errors.ts'
import { toFailure } from './failure.ts'
import { asFlightStatement, Flight, type FlightResult, type FlightStatement, unnamed } from './flight.ts'
import { isHung, wasNotDone } from './hang.ts'
import { type Identity, identityFlight } from './identity.ts'
import { CommitOutcomeUnknown } from './outcome.ts'
import type { NeonPool } from './pool.ts'
import { mustBeAlone } from './read.ts'
import { isRepeatable } from './retry.ts'
import { isStalePlan, suspectOf } from './stale-plan.ts'
import type { PreparedAs } from './statement-names.ts'
import { isQuery, mayEndTransaction } from './statement-text.ts'
import { runTransaction } from './transaction.ts'

/** What each query of a batch answers, in order. */
export type BatchResults<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> }

export interface BatchOptions {
  pool: NeonPool
  identity: Identity
  isReadOnly: boolean
}

/** What Drizzle's builders send their statement through, one after another, before any is answered. */
export interface Gathering {
  query(config: unknown, values?: unknown): Promise<FlightResult | undefined>
  readonly statements: FlightStatement[]
  /** What is thrown for a query that is none of a batch. */
  readonly refusal: Error
  /** Answers them all. */
  answer(results: Promise<FlightResult[]>): void
}

// As of a single statement: what the server has rolled back for the sake of others may fare better.
const MOST_REPEATS = 2

export function createGathering(): Gathering {
  const statements: FlightStatement[] = []
  const refusal = new OptionInvalidError(
    'each query of a batch must be one statement, built with the client that the batch function receives; COPY, CALL, and what begins or ends a transaction are not allowed'
  )
  let answer!: (results: Promise<FlightResult[]>) => void
  const answered = new Promise<FlightResult[]>(resolve => {
    answer = resolve
  })

  return {
    statements,
    refusal,
    answer,
    async query(config, values) {
      const statement = asFlightStatement(config, values)
      if (statement === undefined || mayEndTransaction(statement.text)) throw refusal
      const index = statements.push(statement) - 1
      return (await answered)[index]
    }
  }
}

// A builder may take a turn or two of promises until it sends its statement.
const MOST_TURNS = 10

/** Starts each query, which must send one statement; resolves with all their answers when `send` has got them. */
export function runAll<const T extends readonly PromiseLike<unknown>[]>(
  gathering: Gathering,
  queries: T,
  send: (statements: FlightStatement[]) => Promise<FlightResult[]>
): Promise<BatchResults<T>>
export async function runAll(
  gathering: Gathering,
  queries: readonly PromiseLike<unknown>[],
  send: (statements: FlightStatement[]) => Promise<FlightResult[]>
): Promise<unknown> {
  const started: Promise<unknown>[] = []
  for (const query of queries) {
    const answer = new Promise<unknown>((resolve, reject) => query.then(resolve, reject))
    // Until all are started nobody listens.
    answer.catch(ignore)
    started.push(answer)
    for (let turn = 0; turn < MOST_TURNS && gathering.statements.length < started.length; turn += 1)
      await undefined
    if (gathering.statements.length !== started.length) throw gathering.refusal
  }
  gathering.answer(send(gathering.statements))
  return Promise.all(started)
}

/**
 * Throws what the server answers, after which nothing is stored; CommitOutcomeUnknown when the link broke before all
 * was answered, unless they do nothing but read; and a DatabaseFailure when there was no identity or no client.
 */
export async function runBatch(
  options: BatchOptions,
  statements: FlightStatement[]
): Promise<FlightResult[]> {
  const { pool, identity, isReadOnly } = options
  if (statements.length === 0) return []
  if (!pool.pipelines) return oneByOne(options, statements)
  const startedAt = performance.now()
  const before = identityFlight(identity, { readOnly: isReadOnly })
  try {
    const results = await repeat(options, [...before, ...statements], before.length)
    report('committed')
    return results.slice(before.length)
  } catch (error) {
    report(error instanceof CommitOutcomeUnknown ? 'unknown' : 'rolled-back')
    throw error
  }

  function report(outcome: 'committed' | 'rolled-back' | 'unknown') {
    pool.report({ type: 'transaction-ended', outcome, durationMs: performance.now() - startedAt })
  }
}

async function repeat(
  { pool, isReadOnly }: BatchOptions,
  statements: FlightStatement[],
  before: number
): Promise<FlightResult[]> {
  let suspect: PreparedAs | undefined
  const own = statements.slice(before)
  const hasNoEffect = isReadOnly && own.every(({ text }) => isQuery(text))
  // One that writes has its connection for itself, since its outcome must be known.
  const isAlone = !isReadOnly || own.some(({ text }) => mustBeAlone(pool.known.of(text)))
  for (let repeats = 0; ; repeats += 1) {
    let flight: Flight | undefined
    try {
      const results = await pool.fly(
        () => {
          flight = new Flight(statements.map(repeats === 0 ? pool.named : unnamed), { endsIdle: true })
          return flight
        },
        { isAlone }
      )
      if (suspect) pool.names.noteStale(suspect.text, suspect.name)
      return results
    } catch (error) {
      if (flight === undefined) throw error
      suspect = suspectOf(flight, error)
      const mayRepeat = isStalePlan(error) || isRepeatable({ error, wasLinkLost: hasNoEffect })
      // One that writes has its connection for itself.
      const mayResend = mayRepeat || (isReadOnly && wasNotDone(flight, error))
      const isFinal = repeats >= MOST_REPEATS || !(suspect || mayResend)
      if (isFinal) throw failureOf(error, flight.answered)
      pool.report({ type: 'transaction-repeated', failure: toFailure(error, 'statement'), delayMs: 0 })
    }
  }

  function failureOf(error: unknown, answered: number): unknown {
    if (!hasNoEffect && isUnanswered(error))
      return new CommitOutcomeUnknown({ pool, xid: undefined, cause: error })
    return answered >= before || isHung(error) ? error : toFailure(error, 'begin')
  }
}

/** The server commits when it has done all, and nobody knows how far it came. */
function isUnanswered(error: unknown): boolean {
  return isHung(error) || toFailure(error, 'commit').kind === 'commitOutcomeUnknown'
}

function oneByOne({ pool, identity, isReadOnly }: BatchOptions, statements: FlightStatement[]) {
  const options = { identity, retry: MOST_REPEATS, ...(isReadOnly && { accessMode: 'read only' as const }) }
  return runTransaction(pool, options, async ({ client }) => {
    const results: FlightResult[] = []
    for (const { text, values, ...how } of statements)
      results.push(await client.query<Record<string, unknown>>({ text, ...how }, values))
    return results
  })
}

function ignore() {}
