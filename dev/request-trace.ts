/**
 * The trace of one request that wakes the database, by the OpenTelemetry SDK, as docs/how-to/traces.md shows it.
 */
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor
} from '@opentelemetry/sdk-trace-base'
import { applyMigrations } from 'fastify-neon/migrations'
import otelPlugin from 'fastify-neon/otel'
import type { LocalNeon } from 'local-neon'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { openIssuer } from './token-issuer.ts'

const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

const SECOND_MS = 1000
const MILLISECOND_NS = 1e6

/** Creates a task on a database that sleeps. Resolves with the spans of that request. */
export async function traceRequestThroughWake(neon: LocalNeon, directory: string): Promise<ReadableSpan[]> {
  await applyMigrations({ url: neon.url, folder: MIGRATIONS })
  const issuer = await openIssuer(directory)
  const config = loadConfig({ DATABASE_URL: neon.url, ...issuer.settings })
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const contexts = new AsyncLocalStorageContextManager().enable()
  context.setGlobalContextManager(contexts)
  const instrumentation = new FastifyOtelInstrumentation({
    registerOnInitialization: true,
    // Each of them is a span of its own, of which this service has many.
    instrumentHooks: false
  })
  instrumentation.setTracerProvider(tracerProvider)
  const app = await buildApp({
    config,
    logStream: new Writable({ write: (_line, _encoding, done) => done() })
  })
  try {
    await app.register(otelPlugin, { tracerProvider })
    await app.ready()
    const headers = { authorization: `Bearer ${await issuer.sign('alice', '1h')}` }
    // What the start asks the database would wake it.
    await until(() => app.health.state().process === 'ready', app.health.onTransition)
    await neon.suspend()
    const { $client: pool } = app.db
    await until(
      () => pool.totalCount === 0,
      listener => pool.on('remove', () => setImmediate(listener))
    )
    exporter.reset()
    await app.inject({ method: 'POST', url: '/tasks', headers, payload: { title: 'Water the plants' } })
  } finally {
    // With it all spans have ended.
    await app.close()
    instrumentation.disable()
    context.disable()
  }
  const spans = exporter.getFinishedSpans()
  const trace = spans.find(({ name }) => name === 'request')?.spanContext().traceId
  // What the process itself asks meanwhile is none of the request.
  return spans.filter(span => span.spanContext().traceId === trace)
}

/** Resolves when the condition holds, which may come true whenever the listener is called. */
function until(condition: () => boolean, listen: (listener: () => void) => unknown): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (condition()) resolve()
    }
    listen(look)
    look()
  })
}

/** Spans in order of their beginning, each below the one that it is in, with its beginning and its duration. */
export function treeOf(spans: readonly ReadableSpan[]): string {
  const ordered = spans.toSorted((one, other) => inMs(one.startTime) - inMs(other.startTime))
  const isRoot = (span: ReadableSpan) => !ordered.some(other => isIn(span, other))
  const rows = ordered.filter(isRoot).flatMap(root => rowsOf(root, ''))
  const beginning = Math.min(...spans.map(({ startTime }) => inMs(startTime)))
  const width = Math.max(...rows.map(({ text }) => text.length))
  return rows
    .map(({ text, span }) =>
      [text.padEnd(width), time(inMs(span.startTime) - beginning), time(inMs(span.duration))].join('')
    )
    .join('\n')

  function rowsOf(span: ReadableSpan, indent: string): { text: string; span: ReadableSpan }[] {
    const inner = ordered.filter(other => isIn(other, span))
    return [{ text: indent + span.name, span }, ...inner.flatMap(each => rowsOf(each, `${indent}  `))]
  }
}

function isIn(span: ReadableSpan, outer: ReadableSpan): boolean {
  return span.parentSpanContext?.spanId === outer.spanContext().spanId
}

function inMs([seconds, nanoseconds]: ReadableSpan['startTime']): number {
  return seconds * SECOND_MS + nanoseconds / MILLISECOND_NS
}

function time(ms: number): string {
  return `${ms.toFixed(0)} ms`.padStart(10)
}
