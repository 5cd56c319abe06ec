/**
 * The options of the health plugin: their meaning, their defaults, and which values are refused at start.
 */
import { OptionInvalidError } from '../../errors/errors.ts'
import { MODES, type Mode } from '../../health/database-monitor.ts'
import { DOWN_POLICIES, type DownPolicy } from '../../health/snapshot.ts'
import { checkLimit } from '../../pool/options.ts'
import { withoutUndefined } from '../../runtime/without-undefined.ts'
import { isPlainPath } from '../early-route.ts'
import { refuseUnknownOptions } from '../known-options.ts'
import { type AccessOptions, checkAccess } from '../operator-access.ts'
import type { ListenOptions } from './listener.ts'
import type { ExpectedMigrations } from './migrations.ts'

/** `token` or `authorize` says who may see details, exclude checks and ask the database. Without either no request may. */
export interface HealthOptions extends AccessOptions {
  /** Prefix of the three paths. @default '' */
  prefix?: string
  /** Path of liveness. @default '/livez' */
  livePath?: string
  /** Path of readiness. @default '/readyz' */
  readyPath?: string
  /** Path of the startup probe. @default '/startupz' */
  startupPath?: string
  /**
   * `passive`: judges by the traffic, so that an idle database sleeps. `interval`: also asks the database every
   * `intervalMs`, for a database that never sleeps. `off`: leaves the database out of the probes.
   * @default 'passive'
   */
  mode?: Mode
  /** Time between the questions of mode `interval`, in ms; at least 1000. @default 30 000 */
  intervalMs?: number
  /** `/readyz` while a database that was reached before is down. @default 'fail-open': 200 `degraded` */
  onDatabaseDown?: DownPolicy
  /** An answer of the database counts as recent for this time, in ms; then the state is `idle`. @default 60 000 */
  idleAfterMs?: number
  /** Longest time of a question that health itself asks, including the login, in ms. @default 2000 */
  probeTimeoutMs?: number
  /** `/livez` is 503 when the pool has not moved for this time, in ms; 0 is never. @default 0 */
  restartWhenWedgedMs?: number
  /**
   * Additional port for the probes, and for `/metrics` with the metrics plugin.
   * @default none
   */
  listen?: ListenOptions | undefined
  /** Migrations that must be applied before the process is ready. @default none: the schema is not checked */
  migrations?: ExpectedMigrations
}

type Optional = keyof AccessOptions | 'listen' | 'migrations'
type HealthDefaults = Required<Omit<HealthOptions, Optional>>
export type ResolvedHealthOptions = HealthDefaults & Pick<HealthOptions, Optional>

/** docs/reference/plugins.md has them; a test compares the two. */
export const HEALTH_DEFAULTS: HealthDefaults = {
  prefix: '',
  livePath: '/livez',
  readyPath: '/readyz',
  startupPath: '/startupz',
  mode: 'passive',
  intervalMs: 30_000,
  onDatabaseDown: 'fail-open',
  // Longer than connections live unused, so that a busy minute has one change of state.
  idleAfterMs: 60_000,
  probeTimeoutMs: 2000,
  restartWhenWedgedMs: 0
}

const OPTIONS = [...Object.keys(HEALTH_DEFAULTS), 'token', 'authorize', 'listen', 'migrations']

const LEAST_INTERVAL_MS = 1000
const MAX_PORT = 65_535
const PREFIX = /^(?:\/[\w.~-]+)*$/

/** Throws FST_NEON_OPTION_INVALID, which names the option and the rule. */
export function healthOptions(given: HealthOptions): ResolvedHealthOptions {
  refuseUnknownOptions(given, OPTIONS)
  const options: ResolvedHealthOptions = { ...HEALTH_DEFAULTS, ...withoutUndefined(given) }
  const { mode, onDatabaseDown, prefix } = options
  refuseUnless(MODES.includes(mode), `mode must be one of ${MODES.join(', ')}`)
  refuseUnless(
    DOWN_POLICIES.includes(onDatabaseDown),
    `onDatabaseDown must be one of ${DOWN_POLICIES.join(', ')}`
  )
  checkLimit('intervalMs', options.intervalMs, { minimum: LEAST_INTERVAL_MS })
  checkLimit('idleAfterMs', options.idleAfterMs)
  checkLimit('probeTimeoutMs', options.probeTimeoutMs)
  checkLimit('restartWhenWedgedMs', options.restartWhenWedgedMs, { minimum: 0 })
  if (options.listen) checkLimit('listen.port', options.listen.port, { minimum: 0, maximum: MAX_PORT })
  refuseUnless(PREFIX.test(prefix), 'prefix must be empty, or begin with / and not end with it')
  const paths = [options.livePath, options.readyPath, options.startupPath]
  for (const path of paths)
    refuseUnless(isPlainPath(path), 'livePath, readyPath and startupPath must be like /livez')
  refuseUnless(new Set(paths).size === paths.length, 'livePath, readyPath and startupPath must differ')
  checkAccess(options)
  return options
}

function refuseUnless(isFine: boolean, rule: string): void {
  if (!isFine) throw new OptionInvalidError(rule)
}
