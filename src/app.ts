/**
 * Builds the application: every plugin and route, in order.
 */
import type { Writable } from 'node:stream'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import isolationPlugin from 'fastify-neon/isolation'
import metricsPlugin from 'fastify-neon/metrics'
import type { Config } from './config.ts'
import { CLOSING_LIMITS, SERVER_LIMITS, SOCKET_LIMITS } from './limits.ts'
import { AccessLog, LOG_SETTINGS } from './log.ts'
import authPlugin from './plugins/auth/auth.ts'
import requestDbPlugin from './plugins/auth/request-db.ts'
import dbPlugin from './plugins/db.ts'
import healthPlugin from './plugins/health.ts'
import { respondToClientError } from './plugins/http/client-error.ts'
import connectionsPlugin from './plugins/http/connections.ts'
import corsPlugin from './plugins/http/cors.ts'
import errorHandlerPlugin, { sendProblem } from './plugins/http/error-handler.ts'
import notFoundPlugin from './plugins/http/not-found.ts'
import overloadPlugin from './plugins/http/overload.ts'
import rateLimitPlugin from './plugins/http/rate-limit.ts'
import requestChecksPlugin from './plugins/http/request-checks.ts'
import answerHeadersPlugin from './plugins/http/response-headers.ts'
import idempotencyPlugin from './plugins/idempotency/idempotency.ts'
import openapiPlugin from './plugins/openapi.ts'
import taskRoutes from './routes/tasks.ts'

export interface BuildOptions {
  config: Config
  /** Where log lines go. @default process.stdout */
  logStream?: Writable
}

export async function buildApp({
  config,
  logStream = process.stdout
}: BuildOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...SERVER_LIMITS,
    logger: {
      level: config.logLevel,
      stream: logStream,
      ...LOG_SETTINGS
    },
    logController: new AccessLog(),
    // A request is taken as it is or refused: no member is dropped, no type converted.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: sendProblem,
    clientErrorHandler: respondToClientError
  }).withTypeProvider<TypeBoxTypeProvider>()
  Object.assign(app.server, SOCKET_LIMITS)

  await app.register(errorHandlerPlugin)
  await app.register(answerHeadersPlugin)
  await app.register(corsPlugin, { origins: config.api.corsOrigins })
  await app.register(requestChecksPlugin)
  await app.register(notFoundPlugin)
  await app.register(connectionsPlugin, CLOSING_LIMITS)
  if (config.api.hasDocs) await app.register(openapiPlugin)
  await app.register(dbPlugin, config.database)
  await app.register(healthPlugin, config.health)
  await app.register(isolationPlugin, config.isolation)
  await app.register(metricsPlugin, { token: config.health.token })
  app.addHook('onRequest', app.refuseWhenClosing)
  await app.register(overloadPlugin)
  await app.register(authPlugin, config.auth)
  await app.register(requestDbPlugin)
  await app.register(rateLimitPlugin, {
    perMinute: config.api.rateLimitPerMinute,
    redisUrl: config.api.redisUrl
  })
  await app.register(idempotencyPlugin)
  await app.register(taskRoutes, { prefix: '/tasks' })
  return app
}
