/**
 * Makes readiness wait until the database itself keeps the rows of users apart: a check of health, which looks at
 * the catalog when the migrations are complete, and no more once it has passed.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { OptionInvalidError } from '../../errors/errors.ts'
import {
  type IsolationOptions as AuditOptions,
  auditIsolation,
  isolationScope
} from '../../rls-audit/audit.ts'
import { BACKGROUND_CLOCK } from '../../runtime/clock.ts'
import { databaseNamed, databasesOf } from '../databases.ts'
import { refuseUnknownOptions } from '../known-options.ts'
import { ownQuery } from '../own-query.ts'
import type { Plugin } from '../plugin.ts'
import { createIsolationCheck, WARNING_LEVELS, type WarningLevel } from './check.ts'

export { WARNING_LEVELS, type WarningLevel }

/** Register the plugin once for each database that has users. */
export interface IsolationOptions extends Omit<AuditOptions, 'role'> {
  /** Role that is audited. @default the `role` of the db plugin, else that of the login */
  role?: string | undefined
  /** Name of the database. @default the first that was registered, most often `db` */
  database?: string | undefined
  /** Level of the log line that has the warnings. @default 'warn' */
  warningLevel?: WarningLevel | undefined
}

const OPTIONS = [
  'database',
  'warningLevel',
  'role',
  'ownerColumn',
  'schemas',
  'shared'
] satisfies (keyof IsolationOptions)[]

// So that a process is ready within about a second of what fixes it.
const PAUSE_MS = 1000
// A run waits for the migrations as long as they take; what it asks has the limits of the pool.
const NO_TIMEOUT_MS = 2 ** 31 - 1

async function isolationPlugin(fastify: FastifyInstance, options: IsolationOptions) {
  refuseUnknownOptions(options, OPTIONS)
  const { database, warningLevel = 'warn', ...audited } = options
  if (!WARNING_LEVELS.includes(warningLevel))
    throw new OptionInvalidError(`warningLevel must be one of ${WARNING_LEVELS.join(', ')}`)
  const { health } = fastify
  const databases = databasesOf(fastify)
  const { name, pool, critical, role } = databaseNamed(databases, database, 'database')
  const scope = isolationScope({ ...audited, role: audited.role ?? role })
  health.addCheck({
    name: name === databases.first.name ? 'isolation' : `isolation-${name}`,
    critical,
    ttlMs: PAUSE_MS,
    timeoutMs: NO_TIMEOUT_MS,
    check: createIsolationCheck({
      look: () => auditIsolation(ownQuery(pool), scope),
      untilTime,
      warningLevel,
      log: fastify.log.child({ database: name }),
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

const plugin: Plugin<IsolationOptions> = fp(isolationPlugin, {
  name: 'fastify-neon-isolation',
  fastify: '5.x',
  dependencies: ['fastify-neon-db', 'fastify-neon-health']
})

export default plugin
