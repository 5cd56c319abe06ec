/**
 * The beginning of a transaction: BEGIN, role and claims leave with its first statement, as one flight, so that
 * the statement does not run when one of them has failed. Until COMMIT is sent nothing can be stored, so after the
 * loss of a link the whole flight is sent again, on another client.
 */
import { type DatabaseFailure, toFailure } from './failure.ts'
import { asFlightStatement, Flight, type FlightResult, type FlightStatement, unnamed } from './flight.ts'
import { isHung } from './hang.ts'
import type { HeldClient, NeonPool } from './pool.ts'
import { isStalePlan, suspectOf } from './stale-plan.ts'
import { hasNoEffect } from './statement-text.ts'
import type { OpeningRow, TransactionPlan } from './transaction-options.ts'

export interface OpeningOptions {
  pool: NeonPool
  plan: TransactionPlan
  /** Of the caller and of the time. */
  signal: AbortSignal
}

export interface Opening {
  /** What the statements of the transaction go through. */
  readonly client: HeldClient
  /** The client under it, which is another one after a lost link. */
  readonly held: HeldClient
  /** There is a transaction, which has to be ended. */
  readonly isBegun: boolean
  readonly row: OpeningRow
  /** Whether it is READ ONLY and each of its statements is known to do nothing but read. */
  readonly hasNoEffect: boolean
  /** Resolves when no beginning is under way, and rejects with why the transaction could not begin. */
  settled(): Promise<void>
  /** No other client is taken from now on. */
  close(): void
  /** Gives the client back, unless it was given back already and may be another's. */
  release(doubt?: boolean): void
}

// The first client may have been dead without anybody knowing, and the next one is new; a third is for a
// network that flaps.
const MAX_BEGINS = 3

/** Takes a client. BEGIN itself waits for the first statement, unless the clients of the pool do not pipeline. */
export async function openTransaction({ pool, plan, signal }: OpeningOptions): Promise<Opening> {
  let held = await pool.checkout({ signal })
  // Kept, since the client has that of its next user when it is lent again.
  let { release } = held
  let isBegun = false
  let isClosed = false
  let row: OpeningRow = {}
  let beginning: Promise<void> | undefined
  let waiting = 0
  let isHarmless = plan.isReadOnly
  if (!pool.pipelines) await begin().catch(releaseAndThrow)

  return {
    client: new Proxy(Object.create(held), { get: (_client, name) => propertyOf(name) }),
    get held() {
      return held
    },
    get isBegun() {
      return isBegun
    },
    get row() {
      return row
    },
    get hasNoEffect() {
      return isHarmless
    },
    settled: () => Promise.resolve(beginning),
    close() {
      isClosed = true
    },
    release: doubt => release(doubt)
  }

  /** Nobody has it yet who would give it back. */
  function releaseAndThrow(error: unknown): never {
    release()
    throw error
  }

  function propertyOf(name: string | symbol): unknown {
    if (name === 'query') return query
    // Before it has begun nobody can have ended it.
    if (name === 'isInTransaction') return isBegun ? held.isInTransaction : true
    const value: unknown = Reflect.get(held, name)
    return typeof value === 'function' ? value.bind(held) : value
  }

  function query(...given: Parameters<HeldClient['query']>): unknown {
    isHarmless &&= hasNoEffect(textOf(given[0]))
    // Who waits for the beginning goes first.
    if (isBegun && waiting === 0) return held.query(...given)
    if (beginning) return behind(beginning, given)
    const statement = asFlightStatement(...given)
    if (statement === undefined) {
      beginning = begin()
      return behind(beginning, given)
    }
    try {
      const first = takeOff(statement, flightOf(statement))
      beginning = first.then(ignore, error => {
        if (!isBegun) throw error
      })
      beginning.catch(ignore)
      return first
    } catch (error) {
      // A value that cannot be sent: the next statement is the first.
      return Promise.reject(error)
    }
  }

  function flightOf(statement: FlightStatement, name = pool.named): Flight {
    return new Flight([...plan.opening, statement].map(name))
  }

  async function behind(start: Promise<void>, given: Parameters<HeldClient['query']>) {
    waiting += 1
    try {
      await start
    } finally {
      waiting -= 1
    }
    return held.query(...given)
  }

  /** With what cannot be in a flight: its statement waits for the answer. */
  async function begin(): Promise<void> {
    for (let begins = 1; !isBegun; begins += 1) {
      try {
        const answer: unknown = await held.query(plan.begin)
        note(Array.isArray(answer) ? answer : [answer])
      } catch (error) {
        if (!(await recover(error, begins))) throw failureToBegin(error)
      }
    }
  }

  async function takeOff(
    statement: FlightStatement,
    flight: Flight,
    begins = 1
  ): Promise<FlightResult | undefined> {
    try {
      const results = await held.fly(flight)
      note(results.slice(0, plan.opening.length))
      return results.at(-1)
    } catch (error) {
      const suspect = suspectOf(flight, error)
      if (await recover(error, begins, suspect !== undefined)) {
        const result = await takeOff(statement, flightOf(statement, unnamed), begins + 1)
        if (suspect) pool.names.noteStale(suspect.text, suspect.name)
        return result
      }
      // The server has ended it in its midst, each time.
      if (endsSession(error)) throw toFailure(error, 'statement')
      if (!held.isLinked || isOfBeginning(flight, error)) throw failureToBegin(error)
      isBegun = true
      throw error
    }
  }

  function note(results: FlightResult[]) {
    isBegun = true
    row = Object.assign({}, ...results.flatMap(({ rows }) => rows))
  }

  /** True when the beginning may be sent once more. */
  async function recover(error: unknown, begins: number, isSuspect = false): Promise<boolean> {
    if (begins >= MAX_BEGINS || isClosed || signal.aborted) return false
    if (held.isLinked && (isSuspect || isStalePlan(error))) return rollBack()
    if (held.isLinked && !endsSession(error)) return false
    pool.report({ type: 'transaction-repeated', failure: failureToBegin(error), delayMs: 0 })
    release()
    held = await pool.checkout({ signal })
    release = held.release
    // The work has ended meanwhile: nothing may be sent to what is another's from now on.
    if (isClosed) {
      release()
      throw failureToBegin(error)
    }
    return true
  }

  /** Which of them got no answer in time is not known, and the statement is what takes time. */
  function isOfBeginning({ answered }: Flight, error: unknown): boolean {
    return answered < plan.opening.length && !isHung(error)
  }

  async function rollBack(): Promise<boolean> {
    return held.query('ROLLBACK').then(
      () => true,
      () => false
    )
  }

  function failureToBegin(error: unknown): DatabaseFailure {
    return toFailure(error, 'begin')
  }
}

function textOf(config: unknown): string {
  const text: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, 'text') : config
  return typeof text === 'string' ? text : ''
}

/** Who is told that the session ends may hear it before the link does. */
function endsSession(error: unknown): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return kind === 'lost' && sqlState !== undefined
}

function ignore() {}
