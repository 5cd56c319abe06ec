/**
 * Owns the service of a peer: the project's own plugins and its route, on another client of the database.
 * It has no probes and no metrics, which are on the project's.
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import { listTasks } from '../../../src/db/tasks.ts'
import { CLOSING_LIMITS, SERVER_LIMITS, SOCKET_LIMITS } from '../../../src/limits.ts'
import { LOG_SETTINGS } from '../../../src/log.ts'
import authPlugin from '../../../src/plugins/auth/auth.ts'
import { respondToClientError } from '../../../src/plugins/http/client-error.ts'
import connectionsPlugin from '../../../src/plugins/http/connections.ts'
import errorHandlerPlugin, { sendProblem } from '../../../src/plugins/http/error-handler.ts'
import rateLimitPlugin from '../../../src/plugins/http/rate-limit.ts'
import answerHeadersPlugin from '../../../src/plugins/http/response-headers.ts'
import { Problem } from '../../../src/routes/problems.ts'
import { encodeCursor } from '../../../src/routes/task-cursor.ts'
import { listAll } from '../../../src/routes/task-operations.ts'
import { ORDERS, Task } from '../../../src/routes/task-schemas.ts'
import type { asUserOn } from '../contestants/drizzle-transaction.ts'
import { type AppOptions, configOf } from './app.ts'

export interface PeerClient {
  asUser: ReturnType<typeof asUserOn>
  close: () => Promise<unknown>
}

export async function buildPeerApp(
  options: AppOptions,
  { asUser, close }: PeerClient
): Promise<FastifyInstance> {
  const config = configOf(options)
  const app = fastify({
    ...SERVER_LIMITS,
    logger: { level: config.logLevel, ...LOG_SETTINGS },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: sendProblem,
    clientErrorHandler: respondToClientError
  }).withTypeProvider<TypeBoxTypeProvider>()
  Object.assign(app.server, SOCKET_LIMITS)
  await app.register(errorHandlerPlugin)
  await app.register(answerHeadersPlugin)
  await app.register(connectionsPlugin, CLOSING_LIMITS)
  await app.register(authPlugin, config.auth)
  await app.register(rateLimitPlugin, { perMinute: config.api.rateLimitPerMinute })
  app.addHook('onClose', async () => void (await close()))
  app.addSchema(Problem)
  app.addSchema(Task)
  app.addHook('onRequest', app.signIn)

  app.get('/tasks', { schema: listAll }, async ({ user, query }) => {
    const list = { owner: user.id, order: ORDERS[query.sort] }
    const { items, last } = await asUser(user.id, tx =>
      listTasks(tx, { ...list, limit: Number(query.limit) })
    )
    return { items, nextCursor: last ? encodeCursor(list, last) : null }
  })
  return app
}
