/**
 * Statements that are known beforehand: one pipeline, one transaction, one round trip. The server commits them
 * together at the end of the pipeline, and none of them when one fails.
 */

import {
  asPipelineStatement,
  Pipeline,
  type PipelineResult,
  type PipelineStatement,
  unnamed,
  wasNotDone
} from '../client/pipeline.ts'
import { isStalePlan, suspectOf } from '../client/stale-plan.ts'
import type { PreparedAs } from '../client/statement-names.ts'
import { OptionInvalidError } from '../errors/errors.ts'
import { toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import type { NeonPool } from '../pool/pool.ts'
import { mustBeAlone } from '../pool/run-query.ts'
import { isQuery, mayEndTransaction } from '../runtime/statement-text.ts'
import { BATCH, type BatchMessage, traced } from '../tracing/channels.ts'
import { claimsPipeline, type Identity } from './claims.ts'
import { CommitOutcomeUnknown } from './commit-outcome.ts'
import { isRepeatable } from './retry.ts'
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
  query(config: unknown, values?: unknown): Promise<PipelineResult | undefined>
  readonly statements: PipelineStatement[]
  /** What is thrown for a query that is none of a batch. */
  readonly refusal: Error
  /** Answers them all. */
  answer(results: Promise<PipelineResult[]>): void
}

// As of a single statement: what the server has rolled back for the sake of others may fare better.
const MOST_REPEATS = 2

export function createGathering(): Gathering {
  const statements: PipelineStatement[] = []
  const refusal = new OptionInvalidError(
    'each query of a batch must be one statement, built with the client that the batch function receives; COPY, CALL, and what begins or ends a transaction are not allowed'
  )
  let answer!: (results: Promise<PipelineResult[]>) => void
  const answered = new Promise<PipelineResult[]>(resolve => {
    answer = resolve
  })

  return {
    statements,
    refusal,
    answer,
    async query(config, values) {
      const statement = asPipelineStatement(config, values)
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
  send: (statements: PipelineStatement[]) => Promise<PipelineResult[]>
): Promise<BatchResults<T>>
export async function runAll(
  gathering: Gathering,
  queries: readonly PromiseLike<unknown>[],
  send: (statements: PipelineStatement[]) => Promise<PipelineResult[]>
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
 * Throws what the server answers, after which nothing is stored; CommitOutcomeUnknown when the connection broke before all
 * was answered, unless they do nothing but read; and a DatabaseFailure when there was no identity or no client.
 */
export async function runBatch(
  options: BatchOptions,
  statements: PipelineStatement[]
): Promise<PipelineResult[]> {
  if (statements.length === 0) return []
  if (!BATCH.hasSubscribers) return run(options, statements)
  const texts = statements.map(({ text }) => text)
  const message: BatchMessage = { pool: options.pool, texts, attempt: 1 }
  return traced(BATCH, message, () => run({ ...options, message }, statements))
}

interface Run extends BatchOptions {
  message?: BatchMessage
}

async function run(options: Run, statements: PipelineStatement[]): Promise<PipelineResult[]> {
  const { pool, identity, isReadOnly, message } = options
  if (!pool.pipelines) return oneByOne(options, statements)
  const startedAt = performance.now()
  const before = claimsPipeline(identity, { readOnly: isReadOnly })
  try {
    const results = await repeat(options, [...before, ...statements], before.length)
    report('committed')
    return results.slice(before.length)
  } catch (error) {
    report(error instanceof CommitOutcomeUnknown ? 'unknown' : 'rolled-back')
    throw error
  }

  function report(outcome: 'committed' | 'rolled-back' | 'unknown') {
    if (message) message.outcome = outcome
    pool.report({ type: 'transaction-ended', outcome, durationMs: performance.now() - startedAt })
  }
}

async function repeat(
  { pool, isReadOnly, message, identity: { share } }: Run,
  statements: PipelineStatement[],
  before: number
): Promise<PipelineResult[]> {
  let suspect: PreparedAs | undefined
  const own = statements.slice(before)
  const hasNoEffect = isReadOnly && own.every(({ text }) => isQuery(text))
  // One that writes has its connection for itself, since its outcome must be known.
  const isAlone = !isReadOnly || own.some(({ text }) => mustBeAlone(pool.statementCache.of(text)))
  for (let repeats = 0; ; repeats += 1) {
    let pipeline: Pipeline | undefined
    try {
      const results = await pool.runPipeline(
        () => {
          pipeline = new Pipeline(statements.map(repeats === 0 ? pool.named : unnamed), {
            endsIdle: true,
            isBatch: true
          })
          return pipeline
        },
        { isAlone, share }
      )
      if (suspect) pool.names.noteStale(suspect.text, suspect.name)
      return results
    } catch (error) {
      if (pipeline === undefined) throw error
      suspect = suspectOf(pipeline, error)
      const mayRepeat = isStalePlan(error) || isRepeatable({ error, wasConnectionLost: hasNoEffect })
      // One that writes has its connection for itself.
      const mayResend = mayRepeat || (isReadOnly && wasNotDone(pipeline, error))
      const isFinal = repeats >= MOST_REPEATS || !(suspect || mayResend)
      if (isFinal) throw failureOf(error, pipeline.answered)
      if (message) message.attempt += 1
      pool.report({ type: 'transaction-repeated', failure: toFailure(error, 'statement'), delayMs: 0 })
    }
  }

  function failureOf(error: unknown, answered: number): unknown {
    if (!hasNoEffect && isUnanswered(error))
      return new CommitOutcomeUnknown({ pool, xid: undefined, cause: error })
    return answered >= before || isTimeout(error) ? error : toFailure(error, 'begin')
  }
}

/** The server commits when it has done all, and nobody knows how far it came. */
function isUnanswered(error: unknown): boolean {
  return isTimeout(error) || toFailure(error, 'commit').kind === 'commitOutcomeUnknown'
}

function oneByOne({ pool, identity, isReadOnly }: BatchOptions, statements: PipelineStatement[]) {
  const options = { identity, retry: MOST_REPEATS, ...(isReadOnly && { accessMode: 'read only' as const }) }
  return runTransaction(pool, options, async ({ client }) => {
    const results: PipelineResult[] = []
    for (const { text, values, ...how } of statements)
      results.push(await client.query<Record<string, unknown>>({ text, ...how }, values))
    return results
  })
}

function ignore() {}
