/**
 * Makes spans of what the channels tell, by the conventions of OpenTelemetry for database clients. No parameter, no row
 * and no word of the server is in them.
 */
import type { TracingChannel } from 'node:diagnostics_channel'
import {
  type Attributes,
  context,
  createContextKey,
  type Histogram,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace
} from '@opentelemetry/api'
import { type DatabaseFailure, findFailure, toFailure } from '../../errors/failure.ts'
import {
  BATCH,
  CHECKOUT,
  CONNECT,
  STATEMENT,
  type StatementMessage,
  TRANSACTION,
  type TracingMessage,
  type TransactionMessage,
  WAKE
} from '../../tracing/channels.ts'
import { createSummaries, withoutLiterals } from './statement-summary.ts'

export interface SpansOptions {
  tracer: Tracer
  /** Of statements and batches, in seconds. */
  duration: Histogram
  /** Where a pool connects to; undefined for a pool of another server. */
  targetOf: (pool: object) => Attributes | undefined
  statementText: boolean
}

/** What the messages of a channel become. */
interface SpanModel<M extends TracingMessage> {
  name: string | ((message: M) => string)
  kind?: SpanKind
  attributes?: (message: M) => Attributes
  links?: (message: M) => Link[]
  /** Of work that has ended. */
  outcome?: (message: M) => Attributes
  /** An error that is not of the database has none. @default every error is of the database */
  failureOf?: (error: unknown) => DatabaseFailure | undefined
  /** Statements inside of it have the number of its attempt. */
  isTransaction?: boolean
  isMeasured?: boolean
}

interface OpenSpan {
  span: Span
  attributes: Attributes
  startedAt: number
}

const TRANSACTION_KEY = createContextKey('transaction of fastify-neon')

const SECOND_MS = 1000

// OpenTelemetry, "Semantic conventions for database client metrics": others would make a series for each value.
const MEASURED = [
  'db.system.name',
  'db.namespace',
  'db.collection.name',
  'db.operation.name',
  'db.query.summary',
  'db.response.status_code',
  'error.type',
  'server.address',
  'server.port'
]

/** Returns what ends it. */
export function traceSpans({ tracer, duration, targetOf, statementText }: SpansOptions): () => void {
  const summaryOf = createSummaries()
  const spans = new WeakMap<TracingMessage, OpenSpan>()
  const { CLIENT } = SpanKind
  const stops = [
    follow(CHECKOUT, { name: 'checkout' }),
    follow(WAKE, { name: 'wake' }),
    follow(CONNECT, { name: 'connect', kind: CLIENT, failureOf: error => toFailure(error, 'connect') }),
    follow(TRANSACTION, {
      name: 'transaction',
      outcome: outcomeOf,
      failureOf: findFailure,
      isTransaction: true
    }),
    follow(BATCH, {
      name: batchSummary,
      kind: CLIENT,
      attributes: batchAttributes,
      outcome: outcomeOf,
      isMeasured: true
    }),
    follow(STATEMENT, {
      name: ({ text }) => summaryOf(text).text,
      kind: CLIENT,
      attributes: statementAttributes,
      links: ({ previous }) => linksTo(previous),
      isMeasured: true
    })
  ]
  return () => {
    for (const stop of stops) stop()
  }

  function follow<M extends TracingMessage>(
    channel: TracingChannel<unknown, M>,
    model: SpanModel<M>
  ): () => void {
    const subscribers = {
      start: (message: M) => start(message, model),
      end: ignore,
      asyncStart: ignore,
      asyncEnd: (message: M) => end(message, model),
      error: ignore
    }
    channel.subscribe(subscribers)
    return () => channel.unsubscribe(subscribers)
  }

  function start<M extends TracingMessage>(message: M, model: SpanModel<M>) {
    const target = targetOf(message.pool)
    if (target === undefined) return
    const { name, kind = SpanKind.INTERNAL, links } = model
    const outer = context.active()
    const attributes = { 'db.system.name': 'postgresql', ...target, ...model.attributes?.(message) }
    const span = tracer.startSpan(
      typeof name === 'string' ? name : name(message),
      { kind, attributes, links: links?.(message) ?? [] },
      outer
    )
    spans.set(message, { span, attributes, startedAt: performance.now() })
    const around = trace.setSpan(outer, span)
    const inner = model.isTransaction ? around.setValue(TRANSACTION_KEY, message) : around
    const within: typeof message.within = work => context.with(inner, work)
    message.within = within
  }

  function end<M extends TracingMessage>(message: M, model: SpanModel<M>) {
    const opened = spans.get(message)
    if (opened === undefined) return
    const { span, attributes, startedAt } = opened
    const hasFailed = 'error' in message
    const failed = hasFailed ? errorAttributes(message.error, model.failureOf) : {}
    span.setAttributes({ ...failed, ...model.outcome?.(message) })
    if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    if (model.isMeasured)
      duration.record((performance.now() - startedAt) / SECOND_MS, measured({ ...attributes, ...failed }))
  }

  function statementAttributes({ text, attempt, ahead }: StatementMessage): Attributes {
    const { operation, table, text: summary } = summaryOf(text)
    const run = attemptIn(context.active().getValue(TRANSACTION_KEY))
    return {
      ...(operation && { 'db.operation.name': operation, 'db.query.summary': summary }),
      ...(table && { 'db.collection.name': table }),
      ...(statementText && { 'db.query.text': withoutLiterals(text) }),
      ...(attempt > 1 && { 'fastify_neon.attempt': attempt }),
      ...(run > 1 && { 'fastify_neon.transaction.attempt': run }),
      ...(ahead > 0 && { 'fastify_neon.statements_ahead': ahead })
    }
  }

  function batchAttributes(message: { texts: readonly string[] }): Attributes {
    const { texts } = message
    return {
      'db.query.summary': batchSummary(message),
      'db.operation.name': 'BATCH',
      'db.operation.batch.size': texts.length,
      ...(statementText && { 'db.query.text': texts.map(withoutLiterals).join('; ') })
    }
  }

  function batchSummary({ texts }: { texts: readonly string[] }): string {
    return ['BATCH', ...new Set(texts.map(text => summaryOf(text).text))].join(' ')
  }

  function linksTo(previous: StatementMessage | undefined): Link[] {
    const before = previous && spans.get(previous)
    return before ? [{ context: before.span.spanContext() }] : []
  }
}

function outcomeOf({ outcome, attempt }: TransactionMessage): Attributes {
  return {
    ...(outcome && { 'fastify_neon.transaction.outcome': outcome }),
    ...(attempt > 1 && { 'fastify_neon.attempts': attempt })
  }
}

/** Codes alone: messages hold values. */
function errorAttributes(
  error: unknown,
  failureOf = (given: unknown): DatabaseFailure | undefined => toFailure(given, 'statement')
): Attributes {
  const failure = failureOf(error)
  if (failure === undefined) return { 'error.type': error instanceof Error ? error.name : '_OTHER' }
  const { sqlState, code } = failure
  return { 'error.type': sqlState ?? code, ...(sqlState && { 'db.response.status_code': sqlState }) }
}

function attemptIn(transaction: unknown): number {
  const attempt: unknown =
    typeof transaction === 'object' && transaction !== null ? Reflect.get(transaction, 'attempt') : undefined
  return typeof attempt === 'number' ? attempt : 1
}

function measured(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => MEASURED.includes(name)))
}

function ignore() {}
