/**
 * Owns the spans and the metrics for OpenTelemetry, of all databases of this server. docs/how-to/traces.md lists them.
 */
import type { PoolConfig } from '@neondatabase/serverless'
import { type Attributes, type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { driverPort, isLoopbackHost } from '../../connection-string/host.ts'
import { databasesOf } from '../databases.ts'
import { refuseUnknownOptions } from '../known-options.ts'
import type { Plugin } from '../plugin.ts'
import { createPoolMetrics } from './pool-metrics.ts'
import { traceSpans } from './spans.ts'

export interface OtelOptions {
  /** @default the global one */
  tracerProvider?: TracerProvider | undefined
  /** @default the global one */
  meterProvider?: MeterProvider | undefined
  /** Spans have the text of their statement, with `?` for each literal. Parameters are never in a span. @default false */
  statementText?: boolean | undefined
}

const OPTIONS = ['tracerProvider', 'meterProvider', 'statementText'] satisfies (keyof OtelOptions)[]

const SCOPE = 'fastify-neon'

// OpenTelemetry, "Semantic conventions for database client metrics".
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

async function otelPlugin(fastify: FastifyInstance, options: OtelOptions) {
  refuseUnknownOptions(options, OPTIONS)
  const { tracerProvider = trace, meterProvider = metrics, statementText = false } = options
  const meter = meterProvider.getMeter(SCOPE)
  const targets = new WeakMap<object, Attributes>()
  const poolMetrics = createPoolMetrics(meter)
  const stopSpans = traceSpans({
    tracer: tracerProvider.getTracer(SCOPE),
    duration: meter.createHistogram('db.client.operation.duration', {
      unit: 's',
      description:
        'Duration of statements and batches, with the wait for those before them on the connection',
      advice: { explicitBucketBoundaries: DURATION_BUCKETS }
    }),
    targetOf: pool => targets.get(pool),
    statementText
  })
  databasesOf(fastify).each(database => {
    targets.set(database.pool, targetOf(database.pool.options))
    poolMetrics.add(database)
  })
  fastify.addHook('onClose', async () => {
    stopSpans()
    poolMetrics.end()
  })
}

export function targetOf({
  host,
  port,
  database
}: Pick<PoolConfig, 'host' | 'port' | 'database'>): Attributes {
  return {
    'db.namespace': database,
    'server.address': host,
    'server.port': driverPort({ isLoopback: isLoopbackHost(String(host)), port })
  }
}

const plugin: Plugin<OtelOptions> = fp(otelPlugin, {
  name: 'fastify-neon-otel',
  fastify: '5.x',
  dependencies: ['fastify-neon-db']
})

export default plugin
