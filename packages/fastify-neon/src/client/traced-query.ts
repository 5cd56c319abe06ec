/**
 * Tells of a statement while it is under way. Not of what another library sends by itself, such as a cursor, whose time is
 * that of its reader.
 */
import { STATEMENT, type StatementMessage, traced } from '../tracing/channels.ts'
import type { Pipeline, PipelineResult } from './pipeline.ts'

export interface TracedClient {
  /** Whose client it is; what a client without a pool does is not traced. */
  pool: object | undefined
  /** Statements that were handed over and not answered. */
  unanswered(): number
}

type Send = (...given: unknown[]) => unknown

/** `client.query`, as it is called with a text or a config. */
export function tracedQuery({ pool, unanswered }: TracedClient, send: Send): Send {
  return (...given) => {
    const text = STATEMENT.hasSubscribers && pool ? textOf(given[0]) : undefined
    if (pool === undefined || text === undefined) return send(...given)
    const message = { pool, text, attempt: 1, previous: undefined, ahead: unanswered() }
    const callback = given.findIndex(each => typeof each === 'function')
    if (callback === -1) return traced(STATEMENT, message, async () => send(...given))
    return STATEMENT.traceCallback(send, callback, message, undefined, ...given)
  }
}

export function tracedPipeline(
  { pool, unanswered }: TracedClient,
  pipeline: Pipeline,
  send: () => Promise<PipelineResult[]>
): Promise<PipelineResult[]> {
  const { text, previous, isBatch } = pipeline
  if (!STATEMENT.hasSubscribers || pool === undefined || isBatch) return send()
  const attempt = (previous?.message?.attempt ?? 0) + 1
  const message: StatementMessage = { pool, text, attempt, previous: previous?.message, ahead: unanswered() }
  pipeline.message = message
  return traced(STATEMENT, message, send)
}

/** Undefined for a query that sends itself, and for one that brings its own callback. */
function textOf(config: unknown): string | undefined {
  if (typeof config === 'string') return config
  const { text, submit, callback } = Object(config)
  return typeof text === 'string' && submit === undefined && callback === undefined ? text : undefined
}
