/**
 * The options of the health plugin: their meaning, their defaults, and what is refused at boot.
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

/** `token` or `authorize`: who may see details, exclude checks and ask the database. Without either, nobody. */
export interface HealthOptions extends AccessOptions {
  /** In front of the three paths. @default '' */
  prefix?: string
  /** Path of liveness. @default '/livez' */
  livePath?: string
  /** Path of readiness. @default '/readyz' */
  readyPath?: string
  /** Path of the startup gate. @default '/startupz' */
  startupPath?: string
  /**
   * `passive`: by the evidence of traffic, so that an idle database sleeps. `interval`: asks in a
   * rhythm besides, for a database that never sleeps. `off`: the probes do not look at the database.
   * @default 'passive'
   */
  mode?: Mode
  /** Between questions of mode `interval`, in ms; at least 1000. @default 30 000 */
  intervalMs?: number
  /** What `/readyz` is when a database that was reached before is down. @default 'fail-open': 200 `degraded` */
  onDatabaseDown?: DownPolicy
  /** An answer of the database is recent for so long, in ms; then it is `idle`. @default 60 000 */
  idleAfterMs?: number
  /** Longest time of a question of its own, login included, in ms. @default 2000 */
  probeTimeoutMs?: number
  /** `/livez` is 503 when the pool has stood still for so long, in ms; 0 is never. @default 0 */
  restartWhenWedgedMs?: number
  /**
   * A port of their own for the probes, and for `/metrics` where there is one, beside that of the traffic.
   * @default none
   */
  listen?: ListenOptions | undefined
  /** Those that must be applied before the process is ready. @default none: the schema is nobody's business here */
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
