/**
 * Owns the probe routes and the drain: liveness without I/O, and readiness from
 * what the pool has already seen, so that no probe ever reaches the database.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { type HealthEvent, type HealthState, INITIAL_STATE, nextState, readinessOf } from '../health/state.ts'
import type { PoolEvent } from '../neon/pool.ts'

declare module 'fastify' {
  interface FastifyInstance {
    health: Health
  }
}

export interface Health {
  /** What is known now; never asks the database. */
  state(): HealthState
  /** Makes readiness fail from now on, so that no new traffic comes while the process stops. */
  drain(): void
}

const Alive = Type.Object({ status: Type.Literal('ok') }, { additionalProperties: false })
const Ready = Type.Object(
  { status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')]) },
  { additionalProperties: false }
)
const NotReady = Type.Object({ status: Type.Literal('unavailable') }, { additionalProperties: false })

const EVIDENCE: Partial<Record<PoolEvent['type'], HealthEvent>> = {
  connected: 'database-answered',
  'connect-failed': 'database-failed'
}

const healthPlugin: FastifyPluginAsyncTypebox = async fastify => {
  let state = INITIAL_STATE

  const stopObserving = fastify.db.$client.observe(({ type }) => {
    const event = EVIDENCE[type]
    if (event !== undefined) apply(event)
  })
  fastify.decorate('health', { state: () => state, drain: () => apply('drain') })
  fastify.addHook('preClose', async () => apply('drain'))
  fastify.addHook('onClose', async () => stopObserving())
  // Otherwise a client keeps its connection for as long as keep-alive lasts, and
  // the server waits for it before it is closed.
  fastify.addHook('onSend', async (_request, reply) => {
    if (state.process === 'draining') reply.header('connection', 'close')
  })

  // Kubernetes asks every few seconds, which no log wants to keep.
  const probe = { logLevel: 'silent' } as const
  fastify.get('/livez', { ...probe, schema: { response: { 200: Alive } } }, async (_request, reply) => {
    notCached(reply)
    return { status: 'ok' as const }
  })
  fastify.get(
    '/readyz',
    { ...probe, schema: { response: { 200: Ready, 503: NotReady } } },
    async (_request, reply) => {
      notCached(reply)
      const status = readinessOf(state)
      if (status === 'unavailable') return reply.code(503).send({ status })
      return { status }
    }
  )

  function apply(event: HealthEvent) {
    state = nextState(state, event)
  }
}

function notCached(reply: FastifyReply) {
  reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
}

export default fp(healthPlugin, {
  name: 'fastify-neon-health',
  fastify: '5.x',
  dependencies: ['fastify-neon-db']
})
