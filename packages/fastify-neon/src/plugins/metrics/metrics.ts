/**
 * Owns the metrics: a registry of its own, and the route that Prometheus reads. A scrape asks no database anything.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { OptionInvalidError } from '../../errors/errors.ts'
import { databasesOf } from '../databases.ts'
import { addEarlyRoute, isPlainPath } from '../early-route.ts'
import { refuseUnknownOptions } from '../known-options.ts'
import { type AccessOptions, checkAccess, createAccess } from '../operator-access.ts'
import type { Plugin } from '../plugin.ts'
import { createMetrics, readMetrics } from './registry.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The registry, for metrics of the application. */
    metrics: Registry
  }
}

/** Without `token` and `authorize` the route is open. */
export interface MetricsOptions extends AccessOptions {
  /** @default '/metrics' */
  path?: string
}

const OPTIONS = ['path', 'token', 'authorize'] satisfies (keyof MetricsOptions)[]

// What no route was found for.
const NO_ROUTE = 'none'

async function metricsPlugin(fastify: FastifyInstance, options: MetricsOptions) {
  refuseUnknownOptions(options, OPTIONS)
  const { path = '/metrics', token, authorize } = options
  if (!isPlainPath(path)) throw new OptionInvalidError('path must be like /metrics')
  checkAccess(options)
  const isOpen = token === undefined && authorize === undefined
  const isOperator = createAccess(options)
  const metrics = createMetrics(fastify.health)
  const unreadable = new Set<string>()
  const stops: (() => void)[] = []
  databasesOf(fastify).each(database => stops.push(database.pool.observe(metrics.addDatabase(database))))

  fastify.decorate('metrics', metrics.registry)
  fastify.addHook('onResponse', async (request, reply) => {
    metrics.onRequest({
      method: request.method,
      route: request.routeOptions.url ?? NO_ROUTE,
      statusCode: reply.raw.statusCode,
      durationMs: reply.elapsedTime
    })
  })
  fastify.addHook('onClose', async () => {
    for (const stop of stops) stop()
  })
  await addEarlyRoute(fastify, { path, answer })

  async function answer(request: FastifyRequest, { raw }: FastifyReply) {
    if (!isOpen && !(await isOperator(request))) {
      raw.writeHead(401, { 'www-authenticate': 'Bearer', 'cache-control': 'no-store' }).end()
      return
    }
    const { registry } = metrics
    const body = await readMetrics(registry, warnOnce)
    raw.writeHead(200, {
      'content-type': registry.contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff'
    })
    raw.end(body)
  }

  /** Not at each scrape. */
  function warnOnce(metric: string, err: unknown) {
    if (unreadable.has(metric)) return
    unreadable.add(metric)
    try {
      fastify.log.error({ err, metric }, 'a metric could not be collected')
    } catch {
      // An error whose own properties throw.
      fastify.log.error({ metric }, 'a metric could not be collected')
    }
  }
}

const plugin: Plugin<MetricsOptions> = fp(metricsPlugin, {
  name: 'fastify-neon-metrics',
  fastify: '5.x',
  dependencies: ['fastify-neon-db', 'fastify-neon-health']
})

export default plugin
