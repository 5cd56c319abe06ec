/**
 * Owns the health of the process: the probe routes, the drain, and the evidence on the database, which
 * comes from what the pool sees anyway, so that probing an idle service lets the database sleep.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { MigrationsBehindError } from '../errors.ts'
import type { HealthCheck } from '../health/checks.ts'
import { createMonitor, type Transition } from '../health/monitor.ts'
import type { QuestionCounts } from '../health/questions.ts'
import type { Snapshot } from '../health/snapshot.ts'
import { BACKGROUND_CLOCK } from '../neon/clock.ts'
import { isNeonHost } from '../neon/connection-host.ts'
import { SUSPEND_AFTER_MS } from '../neon/wakes.ts'
import { isHttp2 } from './early-route.ts'
import { healthCheck } from './health-checks.ts'
import { createSchemaDoubts, evidenceOf, reasonOf } from './health-evidence.ts'
import { logTransition } from './health-log.ts'
import { createLook } from './health-migrations.ts'
import { type HealthOptions, healthOptions } from './health-options.ts'
import healthRoutes from './health-routes.ts'

export type { HealthCheck } from '../health/checks.ts'
export type { Transition } from '../health/monitor.ts'
export type { Snapshot } from '../health/snapshot.ts'
export type { HealthOptions } from './health-options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    health: Health
  }
}

export interface Health {
  /** What is known now; never asks the database. */
  state(): Snapshot
  /** Adds a check of the application's own; before the server listens, since readiness waits for the first result of a critical one. */
  register(check: HealthCheck): void
  /** Makes readiness fail while it is on. The reason goes to the log. */
  maintenance(isOn: boolean, reason?: string): void
  /** Makes readiness fail from now on, so that no new traffic comes while the process stops. */
  drain(): void
  /** Calls back at each change until the returned function is called. What the listener throws is logged. */
  onTransition(listener: (transition: Transition) => void): () => void
  /** Questions that health itself has asked the database. */
  readonly probes: Readonly<QuestionCounts>
}

const RETRY_AFTER_SECONDS = 1

async function healthPlugin(fastify: FastifyInstance, given: HealthOptions) {
  const options = healthOptions(given)
  const { $client: pool } = fastify.db
  const listeners = new Set<(transition: Transition) => void>()
  const monitor = createMonitor({
    ...options,
    policy: options.onDatabaseDown,
    ask: async () => {
      const failure = await pool.ask(options.probeTimeoutMs)
      return failure && reasonOf(failure.kind)
    },
    lookAtMigrations: options.migrations && (await createLook(options.migrations, pool, fastify.log)),
    onNextAnswer: pool.answers.next,
    answerAgeMs: () => pool.answers.ageMs,
    readPool: () => {
      const { total, idle, held, waiting, max, blockedForMs } = pool.stats()
      return { total, idle, held, waiting, max, blockedForMs }
    },
    onTransition: tell,
    clock: BACKGROUND_CLOCK,
    random: Math.random
  })
  const schemaDoubtOf = createSchemaDoubts()
  const stopObserving = pool.observe(event => {
    const doubt = schemaDoubtOf(event)
    if (doubt !== undefined) monitor.doubtSchema(doubt)
    const evidence = evidenceOf(event)
    if (evidence !== undefined) monitor.report(evidence)
  })

  if (options.mode === 'interval' && options.intervalMs < SUSPEND_AFTER_MS) warnOfCost()
  fastify.decorate('health', {
    state: () => monitor.look(),
    register: check => monitor.addCheck(healthCheck(check, monitor.hasCheck)),
    maintenance: monitor.maintain,
    drain: monitor.drain,
    onTransition(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    probes: monitor.probes
  })
  // Starts the checks.
  fastify.addHook('onReady', async () => {
    monitor.look()
  })
  // Otherwise a client keeps its connection for as long as keep-alive lasts, and
  // the server waits for it before it is closed.
  fastify.addHook('onSend', async (request, reply) => {
    if (monitor.isDraining && !isHttp2(request)) reply.header('connection', 'close')
  })
  fastify.addHook('preClose', async () => monitor.drain())
  fastify.addHook('onClose', async () => {
    stopObserving()
    monitor.close()
  })
  await fastify.register(healthRoutes, { monitor, health: options })
  // Behind every onRequest: routes that answer there, such as the probes, never come here.
  fastify.addHook('preHandler', async (_request, reply) => {
    if (!monitor.isBehind) return
    monitor.doubtSchema('changed')
    reply.header('retry-after', RETRY_AFTER_SECONDS)
    throw new MigrationsBehindError()
  })

  function tell(transition: Transition) {
    logTransition(fastify.log, transition)
    for (const listener of listeners) {
      try {
        listener(transition)
      } catch (err) {
        fastify.log.error({ err }, 'a listener of health threw')
      }
    }
  }

  function warnOfCost() {
    if (!isNeonHost(`${pool.options.host}`)) return
    fastify.log.warn(
      { intervalMs: options.intervalMs },
      'health asks the database more often than it may sleep, which keeps a Neon compute awake: about 182 compute-unit hours a month at the smallest size; mode passive lets it sleep'
    )
  }
}

export default fp(healthPlugin, {
  name: 'fastify-neon-health',
  fastify: '5.x',
  dependencies: ['fastify-neon-db']
})
