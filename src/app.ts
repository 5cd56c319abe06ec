/**
 * Builds the application: every plugin and route, in order.
 */
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import * as schema from './db/schema.ts'
import { SERVER_LIMITS, SOCKET_LIMITS } from './limits.ts'
import { LOG_SETTINGS } from './log.ts'
import answerHeadersPlugin from './plugins/answer-headers.ts'
import authPlugin from './plugins/auth.ts'
import { answerClientError, refuseSurplusHeaders } from './plugins/client-error.ts'
import connectionsPlugin from './plugins/connections.ts'
import corsPlugin from './plugins/cors.ts'
import dbPlugin from './plugins/db.ts'
import errorHandlerPlugin, { sendProblem } from './plugins/error-handler.ts'
import healthPlugin from './plugins/health.ts'
import idempotencyPlugin from './plugins/idempotency.ts'
import isolationPlugin from './plugins/isolation.ts'
import metricsPlugin from './plugins/metrics.ts'
import openapiPlugin from './plugins/openapi.ts'
import rateLimitPlugin from './plugins/rate-limit.ts'
import requestDbPlugin from './plugins/request-db.ts'
import taskRoutes from './routes/tasks.ts'

declare module './plugins/db.ts' {
  interface Register {
    schema: typeof schema
  }
}

export interface BuildOptions {
  config: Config
  /** Where log lines go. @default process.stdout */
  logStream?: Writable
}

// The same place from src and from dist.
const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

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
    // A request is taken as it is or refused: no member is dropped, no type converted.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: sendProblem,
    clientErrorHandler: answerClientError
  }).withTypeProvider<TypeBoxTypeProvider>()
  Object.assign(app.server, SOCKET_LIMITS)
  app.removeContentTypeParser('text/plain')

  await app.register(errorHandlerPlugin)
  app.addHook('onRequest', refuseSurplusHeaders)
  await app.register(answerHeadersPlugin)
  await app.register(corsPlugin, { origins: config.api.corsOrigins })
  await app.register(connectionsPlugin, { stallTimeoutMs: SERVER_LIMITS.requestTimeout })
  if (config.api.hasDocs) await app.register(openapiPlugin)
  await app.register(dbPlugin, { ...config.database, schema, claims: ['app.user_id'] })
  await app.register(healthPlugin, { ...config.health, migrations: { folder: MIGRATIONS } })
  await app.register(isolationPlugin, { role: config.database.role })
  await app.register(metricsPlugin, { token: config.health.token })
  await app.register(authPlugin, config.auth)
  await app.register(requestDbPlugin)
  await app.register(rateLimitPlugin, { perMinute: config.api.rateLimitPerMinute })
  await app.register(idempotencyPlugin)
  await app.register(taskRoutes, { prefix: '/tasks' })
  return app
}
