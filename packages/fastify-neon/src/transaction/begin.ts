/**
 * The beginning of a transaction: BEGIN, role and claims leave with its first statement, as one pipeline, so that
 * the statement does not run when one of them has failed. Until COMMIT is sent nothing can be stored, so after the
 * loss of a connection the whole pipeline is sent again, on another client.
 */

import {
  asPipelineStatement,
  Pipeline,
  type PipelineResult,
  type PipelineStatement,
  unnamed
} from '../client/pipeline.ts'
import { isStalePlan, suspectOf } from '../client/stale-plan.ts'
import type { Abortable } from '../errors/abort.ts'
import { type DatabaseFailure, toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import type { CheckedOutClient, NeonPool } from '../pool/pool.ts'
import { hasNoEffect } from '../runtime/statement-text.ts'
import type { BeginRow, TransactionPlan } from './options.ts'

export interface BeginOptions {
  pool: NeonPool
  plan: TransactionPlan
  /** Of the caller and of the time. */
  signal: Abortable
}

export interface Begun {
  /** What the statements of the transaction go through. */
  readonly client: CheckedOutClient
  /** The client under it, which is another one after a lost connection. */
  readonly checkedOut: CheckedOutClient
  /** There is a transaction, which has to be ended. */
  readonly isBegun: boolean
  readonly row: BeginRow
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
export async function openTransaction({ pool, plan, signal }: BeginOptions): Promise<Begun> {
  const { share } = plan
  const checkedOut = await pool.checkout({ signal, share, place: 'a transaction' })
  // Kept, since the client has that of its next user when it is checked out again.
  let { release } = checkedOut
  let isClosed = false
  let beginning: Promise<void> | undefined
  let waiting = 0
  // Without an accessor: the engine makes a hidden class for each object that is written with one, and keeps it for long.
  const begun: { -readonly [Name in keyof Begun]: Begun[Name] } = {
    client: new Proxy(Object.create(checkedOut), { get: (_client, name) => propertyOf(name) }),
    checkedOut,
    isBegun: false,
    row: {},
    hasNoEffect: plan.isReadOnly,
    settled: () => Promise.resolve(beginning),
    close() {
      isClosed = true
    },
    release: doubt => release(doubt)
  }
  if (!pool.pipelines) await begin().catch(releaseAndThrow)
  return begun

  /** Nobody has it yet who would give it back. */
  function releaseAndThrow(error: unknown): never {
    release()
    throw error
  }

  function propertyOf(name: string | symbol): unknown {
    if (name === 'query') return query
    // Before it has begun nobody can have ended it.
    if (name === 'isInTransaction') return begun.isBegun ? begun.checkedOut.isInTransaction : true
    const value: unknown = Reflect.get(begun.checkedOut, name)
    return typeof value === 'function' ? value.bind(begun.checkedOut) : value
  }

  function query(...given: Parameters<CheckedOutClient['query']>): unknown {
    begun.hasNoEffect &&= hasNoEffect(textOf(given[0]))
    // Who waits for the beginning goes first.
    if (begun.isBegun && waiting === 0) return begun.checkedOut.query(...given)
    if (beginning) return behind(beginning, given)
    const statement = asPipelineStatement(...given)
    if (statement === undefined) {
      beginning = begin()
      return behind(beginning, given)
    }
    try {
      const first = takeOff(statement, pipelineOf(statement))
      beginning = first.then(ignore, error => {
        if (!begun.isBegun) throw error
      })
      beginning.catch(ignore)
      return first
    } catch (error) {
      // A value that cannot be sent: the next statement is the first.
      return Promise.reject(error)
    }
  }

  function pipelineOf(statement: PipelineStatement, name = pool.named, previous?: Pipeline): Pipeline {
    return new Pipeline([...plan.beginStatements, statement].map(name), { previous })
  }

  async function behind(start: Promise<void>, given: Parameters<CheckedOutClient['query']>) {
    waiting += 1
    try {
      await start
    } finally {
      waiting -= 1
    }
    return begun.checkedOut.query(...given)
  }

  /** With what cannot be in a pipeline: its statement waits for the answer. */
  async function begin(): Promise<void> {
    for (let begins = 1; !begun.isBegun; begins += 1) {
      try {
        const answer: unknown = await begun.checkedOut.query(plan.begin())
        note(Array.isArray(answer) ? answer : [answer])
      } catch (error) {
        if (!(await recover(error, begins))) throw failureToBegin(error)
      }
    }
  }

  async function takeOff(
    statement: PipelineStatement,
    pipeline: Pipeline,
    begins = 1
  ): Promise<PipelineResult | undefined> {
    try {
      const results = await begun.checkedOut.runPipeline(pipeline)
      note(results.slice(0, plan.beginStatements.length))
      return results.at(-1)
    } catch (error) {
      const suspect = suspectOf(pipeline, error)
      if (await recover(error, begins, suspect !== undefined)) {
        const result = await takeOff(statement, pipelineOf(statement, unnamed, pipeline), begins + 1)
        if (suspect) pool.names.noteStale(suspect.text, suspect.name)
        return result
      }
      // The server has ended it in its midst, each time.
      if (endsSession(error)) throw toFailure(error, 'statement')
      if (!begun.checkedOut.isConnected || isOfBeginning(pipeline, error)) throw failureToBegin(error)
      begun.isBegun = true
      throw error
    }
  }

  function note(results: PipelineResult[]) {
    begun.isBegun = true
    begun.row = Object.assign({}, ...results.flatMap(({ rows }) => rows))
  }

  /** True when the beginning may be sent once more. */
  async function recover(error: unknown, begins: number, isSuspect = false): Promise<boolean> {
    if (begins >= MAX_BEGINS || isClosed || signal.aborted) return false
    if (begun.checkedOut.isConnected && (isSuspect || isStalePlan(error))) return rollBack()
    if (begun.checkedOut.isConnected && !endsSession(error)) return false
    pool.report({ type: 'transaction-repeated', failure: failureToBegin(error), delayMs: 0 })
    release()
    begun.checkedOut = await pool.checkout({ signal, share, place: 'a transaction' })
    release = begun.checkedOut.release
    // The work has ended meanwhile: nothing may be sent to what is another's from now on.
    if (isClosed) {
      release()
      throw failureToBegin(error)
    }
    return true
  }

  /** Which of them got no answer in time is not known, and the statement is what takes time. */
  function isOfBeginning({ answered }: Pipeline, error: unknown): boolean {
    return answered < plan.beginStatements.length && !isTimeout(error)
  }

  async function rollBack(): Promise<boolean> {
    return begun.checkedOut.query('ROLLBACK').then(
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

/** Who is told that the session ends may hear it before the connection does. */
function endsSession(error: unknown): boolean {
  const { kind, sqlState } = toFailure(error, 'statement')
  return kind === 'lost' && sqlState !== undefined
}

function ignore() {}
