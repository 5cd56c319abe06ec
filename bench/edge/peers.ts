/**
 * The same service without what it does against overload, and that with @fastify/under-pressure in front.
 */
import type { Writable } from 'node:stream'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import fastify, { type FastifyInstance } from 'fastify'
import type { Config } from '../../src/config.ts'
import { CLOSING_LIMITS, SERVER_LIMITS, SOCKET_LIMITS } from '../../src/limits.ts'
import { LOG_SETTINGS } from '../../src/log.ts'
import authPlugin from '../../src/plugins/auth/auth.ts'
import requestDbPlugin from '../../src/plugins/auth/request-db.ts'
import dbPlugin from '../../src/plugins/db.ts'
import healthPlugin from '../../src/plugins/health.ts'
import connectionsPlugin from '../../src/plugins/http/connections.ts'
import { problemOf } from '../../src/plugins/http/error-handler.ts'
import rateLimitPlugin from '../../src/plugins/http/rate-limit.ts'
import answerHeadersPlugin from '../../src/plugins/http/response-headers.ts'
import idempotencyPlugin from '../../src/plugins/idempotency/idempotency.ts'
import taskRoutes from '../../src/routes/tasks.ts'

export function buildPlain(config: Config, logStream: Writable): Promise<FastifyInstance> {
  return assemble(config, logStream, async () => {})
}

export function buildUnderPressure(config: Config, logStream: Writable): Promise<FastifyInstance> {
  return assemble(config, logStream, async app => {
    await app.register(underPressure, {
      // As its README shows; the 100 MB that it shows for heap and RSS are less than the service has when it is idle.
      maxEventLoopDelay: 1000,
      maxEventLoopUtilization: 0.98,
      exposeStatusRoute: '/status'
    })
  })
}

async function assemble(config: Config, stream: Writable, protect: (app: FastifyInstance) => Promise<void>) {
  const app = fastify({
    ...SERVER_LIMITS,
    logger: { level: config.logLevel, stream, ...LOG_SETTINGS },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } }
  }).withTypeProvider<TypeBoxTypeProvider>()
  Object.assign(app.server, SOCKET_LIMITS)
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed')
    return reply.code(problem.status).send(problem)
  })
  await protect(app as unknown as FastifyInstance)
  await app.register(answerHeadersPlugin)
  await app.register(connectionsPlugin, CLOSING_LIMITS)
  await app.register(dbPlugin, config.database)
  await app.register(healthPlugin, { ...config.health, listen: undefined })
  await app.register(authPlugin, config.auth)
  await app.register(requestDbPlugin)
  await app.register(rateLimitPlugin, { perMinute: config.api.rateLimitPerMinute })
  await app.register(idempotencyPlugin)
  app.decorate('refuseWhenOverloaded', async () => {})
  await app.register(taskRoutes, { prefix: '/tasks' })
  return app as unknown as FastifyInstance
}
