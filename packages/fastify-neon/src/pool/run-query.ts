/**
 * A statement on its own: one pipeline on a connection that others may use, sent again when the server has not executed it.
 */
import {
  Pipeline,
  type PipelineResult,
  type PipelineStatement,
  unnamed,
  wasNotDone
} from '../client/pipeline.ts'
import { isStalePlan, suspectOf } from '../client/stale-plan.ts'
import type { PreparedAs } from '../client/statement-names.ts'
import { toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import type { NeonPool } from './pool.ts'
import type { CachedStatement } from './statement-cache.ts'

// A connection that is lost is lost once, and the second one may have been as old.
const MOST_REPEATS = 2

/**
 * Runs a statement as it is, with the role of the login, and only again when the server has not executed it. What may
 * wait for a lock has its connection for itself: those behind it would wait with it.
 */
export function runQuery(pool: NeonPool, statement: PipelineStatement): Promise<PipelineResult | undefined> {
  const isAlone = !pool.statementCache.of(statement.text).isQuery
  return repeat({ pool, before: [], statement, mayRepeat: isStalePlan, isAlone })
}

interface Repeatable {
  pool: NeonPool
  /** Not the statement itself: the role and the claims. */
  before: readonly PipelineStatement[]
  statement: PipelineStatement
  mayRepeat: (error: unknown) => boolean
  /** Nothing else goes on its connection, however fast it is. @default false */
  isAlone?: boolean
  /** As of `checkout`. */
  share?: string | undefined
}

/** Runs a statement behind others that prepare for it, as long as `mayRepeat` says so of what it fails with. */
export async function repeat({
  pool,
  before,
  statement,
  mayRepeat,
  isAlone = false,
  share
}: Repeatable): Promise<PipelineResult | undefined> {
  let suspect: PreparedAs | undefined
  let previous: Pipeline | undefined
  for (let repeats = 0; ; repeats += 1) {
    let pipeline: Pipeline | undefined
    try {
      const results = await pool.runPipeline(
        () => {
          pipeline = new Pipeline([...before, statement].map(repeats === 0 ? pool.named : unnamed), {
            endsIdle: true,
            // With an identity it has that to be known by.
            isMarked: before.length === 0,
            previous
          })
          return pipeline
        },
        { isAlone: isAlone || mustBeAlone(pool.statementCache.of(statement.text)), share }
      )
      if (suspect) pool.names.noteStale(suspect.text, suspect.name)
      return results.at(-1)
    } catch (error) {
      // Without one there was no client, for which the pool has tried as long as it may.
      if (pipeline === undefined) throw error
      // What writes may fail at the end of its transaction, behind its own answer. What reads cannot.
      const isAnswered = isAlone && pipeline.answered > before.length
      const isOfStatement = isAnswered || pipeline.answered === before.length || isTimeout(error)
      suspect = suspectOf(pipeline, error)
      previous = pipeline
      if (repeats >= MOST_REPEATS || !(suspect || mayRepeat(error) || wasNotDone(pipeline, error)))
        throw isOfStatement ? error : toFailure(error, 'begin')
      pool.report({ type: 'transaction-repeated', failure: toFailure(error, 'statement'), delayMs: 0 })
    }
  }
}

/** Others would wait long, or meet what it leaves on the session. */
export function mustBeAlone({ isSlow, changesSession }: CachedStatement): boolean {
  return isSlow || changesSession
}
