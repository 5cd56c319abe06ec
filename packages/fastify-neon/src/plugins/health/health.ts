/**
 * Owns the health of the process: the probe routes, the drain, and the evidence on its databases, which
 * comes from what their pools see anyway, so that probing an idle service lets them sleep.
 */
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { isNeonHost } from '../../connection-string/host.ts'
import { CheckExistsError, MigrationsBehindError, OptionInvalidError } from '../../errors/errors.ts'
import type { HealthCheck } from '../../health/checks.ts'
import type { DatabaseMonitor, DatabaseSource } from '../../health/database-monitor.ts'
import { createMonitor, type Transition } from '../../health/monitor.ts'
import type { ProbeCounts } from '../../health/probes.ts'
import type { Snapshot } from '../../health/snapshot.ts'
import { SUSPEND_AFTER_MS } from '../../pool/wakes.ts'
import { BACKGROUND_CLOCK } from '../../runtime/clock.ts'
import { databaseNamed, databasesOf, type RegisteredDatabase } from '../databases.ts'
import { isHttp2 } from '../early-route.ts'
import type { Plugin } from '../plugin.ts'
import { healthCheck } from './checks.ts'
import { OWN_CHECKS } from './detail.ts'
import { createSchemaDoubts, evidenceOf, reasonOf } from './evidence.ts'
import { addListener } from './listener.ts'
import { logTransition } from './log.ts'
import { createLook } from './migrations.ts'
import { type HealthOptions, healthOptions } from './options.ts'
import healthRoutes from './routes.ts'

export type { HealthCheck } from '../../health/checks.ts'
export { MODES, type Mode } from '../../health/database-monitor.ts'
export type { Transition } from '../../health/monitor.ts'
export { DOWN_POLICIES, type DownPolicy, type Snapshot } from '../../health/snapshot.ts'
export type { ListenOptions } from './listener.ts'
export type { HealthOptions } from './options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    health: Health
  }
}

export interface Health {
  /** The current state; sends no query. */
  state(): Snapshot
  /** Adds a check of the application. Call it before the server listens: readiness waits for the first result of a critical check. */
  addCheck(check: HealthCheck): void
  /** Makes `/readyz` 503 while it is on. The reason goes to the log. */
  setMaintenance(isOn: boolean, reason?: string): void
  /** Makes `/readyz` 503 until the exit, so that no new traffic comes while the process stops. */
  drain(): void
  /** Calls the listener at each change, until the returned function is called. An error that it throws is logged. */
  onTransition(listener: (transition: Transition) => void): () => void
  /** How many questions health itself has asked the databases. */
  readonly probes: Readonly<ProbeCounts>
  /** Server of the option `listen`. */
  readonly server: Server | undefined
}

const RETRY_AFTER_SECONDS = 1

async function healthPlugin(fastify: FastifyInstance, given: HealthOptions) {
  const options = healthOptions(given)
  const databases = databasesOf(fastify)
  const migrated = databaseNamed(databases, options.migrations?.database, 'migrations.database')
  if (options.migrations && !migrated.critical)
    throw new OptionInvalidError(`migrations.database: ${migrated.name} is not critical`)
  const listeners = new Set<(transition: Transition) => void>()
  const stops: (() => void)[] = []
  const monitor = createMonitor({
    ...options,
    policy: options.onDatabaseDown,
    database: sourceOf(databases.first),
    checkMigrations: options.migrations && (await createLook(options.migrations, migrated.pool, fastify.log)),
    onTransition: tell,
    clock: BACKGROUND_CLOCK,
    random: Math.random
  })
  databases.each(add)

  const server = options.listen && addListener(fastify, options.listen)

  fastify.decorate('health', {
    server,
    state: () => monitor.check(),
    addCheck: check => monitor.addCheck(healthCheck(check, monitor.has)),
    setMaintenance: monitor.maintain,
    drain: monitor.drain,
    onTransition(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get probes() {
      return monitor.probes
    }
  })
  // Also starts the checks.
  fastify.addHook('onReady', async () => monitor.start())
  // Otherwise a client keeps its connection for as long as keep-alive lasts, and
  // the server waits for it before it is closed.
  fastify.addHook('onSend', async (request, reply) => {
    if (monitor.isDraining && !isHttp2(request)) reply.header('connection', 'close')
  })
  fastify.addHook('preClose', async () => monitor.drain())
  fastify.addHook('onClose', async () => {
    for (const stop of stops) stop()
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

  function add(database: RegisteredDatabase) {
    const { name } = database
    const isFirst = database === databases.first
    if (!isFirst && (OWN_CHECKS.includes(name) || monitor.has(name))) throw new CheckExistsError(name)
    observe(database, isFirst ? monitor.database : monitor.addDatabase(sourceOf(database)))
    if (options.mode === 'interval' && options.intervalMs < SUSPEND_AFTER_MS) warnOfCost(database)
  }

  function sourceOf({ name, critical, pool }: RegisteredDatabase): DatabaseSource {
    return {
      name,
      critical,
      probe: async () => {
        const failure = await pool.ping(options.probeTimeoutMs)
        return failure && reasonOf(failure.kind)
      },
      onNextResponse: pool.lastResponse.next,
      responseAgeMs: () => pool.lastResponse.ageMs,
      readPool: () => {
        const { total, idle, checkedOut, waiting, max, blockedForMs } = pool.stats()
        return { total, idle, checkedOut, waiting, max, blockedForMs }
      }
    }
  }

  function observe({ pool }: RegisteredDatabase, { report }: DatabaseMonitor) {
    const schemaDoubtOf = pool === migrated.pool ? createSchemaDoubts() : ignore
    stops.push(
      pool.observe(event => {
        const doubt = schemaDoubtOf(event)
        if (doubt !== undefined) monitor.doubtSchema(doubt)
        const evidence = evidenceOf(event)
        if (evidence !== undefined) report(evidence)
      })
    )
  }

  function warnOfCost({ name, pool }: RegisteredDatabase) {
    if (!isNeonHost(`${pool.options.host}`)) return
    fastify.log.warn(
      { database: name, intervalMs: options.intervalMs },
      'health asks the database more often than it may sleep, which keeps a Neon compute awake: about 182 compute-unit hours a month at the smallest size; mode passive lets it sleep'
    )
  }
}

function ignore() {
  return undefined
}

const plugin: Plugin<HealthOptions> = fp(healthPlugin, {
  name: 'fastify-neon-health',
  fastify: '5.x',
  dependencies: ['fastify-neon-db']
})

export default plugin
