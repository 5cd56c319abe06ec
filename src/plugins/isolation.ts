/**
 * Makes readiness wait until the database itself keeps the rows of users apart: a check of health, which looks at
 * the catalog when the migrations are complete, and no more once it has passed.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { BACKGROUND_CLOCK } from '../neon/clock.ts'
import { auditIsolation, type IsolationOptions, isolationScope } from '../neon/isolation.ts'
import { createIsolationCheck } from './isolation-check.ts'
import { refuseUnknownOptions } from './known-options.ts'

export type { IsolationOptions } from '../neon/isolation.ts'

const OPTIONS = ['role', 'ownerColumn', 'schemas', 'shared'] satisfies (keyof IsolationOptions)[]

// So that a process is ready within about a second of what mends it.
const PAUSE_MS = 1000
// A run waits for the migrations as long as they take; what it asks has the limits of the pool.
const NO_TIMEOUT_MS = 2 ** 31 - 1

async function isolationPlugin(fastify: FastifyInstance, options: IsolationOptions) {
  refuseUnknownOptions(options, OPTIONS)
  const scope = isolationScope(options)
  const { health } = fastify
  const { $client: pool } = fastify.db
  fastify.health.register({
    name: 'isolation',
    critical: true,
    ttlMs: PAUSE_MS,
    timeoutMs: NO_TIMEOUT_MS,
    check: createIsolationCheck({
      look: () => auditIsolation(async (text, values) => (await pool.query(text, values)).rows, scope),
      untilTime,
      log: fastify.log,
      now: BACKGROUND_CLOCK.now
    })
  })

  /** Before the migrations are complete, roles and tables are not there yet. */
  async function untilTime(signal: AbortSignal) {
    while (!isTime()) await nextTransition(signal)
  }

  function isTime() {
    const { waitingFor = [] } = health.state()
    return waitingFor.every(condition => condition === 'checks-pending')
  }

  function nextTransition(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const forget = () => {
        stop()
        signal.removeEventListener('abort', giveUp)
      }
      const giveUp = () => {
        forget()
        reject(signal.reason)
      }
      const stop = health.onTransition(() => {
        forget()
        resolve()
      })
      signal.addEventListener('abort', giveUp)
    })
  }
}

export default fp(isolationPlugin, {
  name: 'fastify-neon-isolation',
  fastify: '5.x',
  dependencies: ['fastify-neon-db', 'fastify-neon-health']
})
