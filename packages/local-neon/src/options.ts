/**
 * The options of a local Neon, with their defaults, which are Neon's.
 */
import { type Clock, systemClock } from './clock.ts'
import { ignore, LocalNeonError } from './failure.ts'
import type { PoolerOptions } from './pooler/pooler.ts'
import { SYSTEM_DIRECTORY } from './postgres/place.ts'

export interface LocalNeonOptions {
  /** Folder of the data and the password. Created when missing. @default a temporary one, removed on close */
  directory?: string
  /** Port to listen on at 127.0.0.1; 0 = any free one. When taken, another free one is used. @default 0 */
  port?: number
  /** Port of the control interface at 127.0.0.1; 0 = any free one. @default no control interface */
  controlPort?: number
  /** false: faster, and data is lost when the machine crashes. @default true; false in a temporary directory */
  fsync?: boolean
  /** Time without activity after which the compute stops, in ms; 0 = never. @default 300000, as on Neon */
  suspendAfterMs?: number
  /** Shortest time of a wake, in ms. @default 300: Neon's documentation says a few hundred milliseconds */
  wakeDelayMs?: number
  /** Random time added to it at most, in ms. @default 100 */
  wakeJitterMs?: number
  /** Names of the endpoints; the first is for clients that name none. @default ['ep-local'] */
  endpoints?: readonly [string, ...string[]]
  /** `offered`: connections with and without TLS; `required`: only with TLS, as on Neon. @default 'off' */
  tls?: TlsMode
  /** PgBouncer behind the pooled URL. @default as Neon's, if this machine has one */
  pooler?: PoolerOptions
  /**
   * Folder of the data in place of `directory`, when root starts it and the user that Postgres
   * runs as cannot enter `directory`. @default '/var/lib/fastify-neon'
   */
  systemDirectory?: string
  /** Clock of idle times, wakes, latency and the meter. @default the system's */
  clock?: Clock
  /** Receives lines about the start. @default none */
  log?: (line: string) => void
}

export type TlsMode = 'off' | 'offered' | 'required'

export type ResolvedOptions = Required<Omit<LocalNeonOptions, 'controlPort' | 'directory'>> &
  Pick<LocalNeonOptions, 'controlPort'>

const MAX_MS = 24 * 60 * 60 * 1000
const ENDPOINT = /^[a-z\d](?:[a-z\d-]*[a-z\d])?$/

/** Throws LOCAL_NEON_OPTION_INVALID, which names the option. */
export function resolveOptions(options: LocalNeonOptions): ResolvedOptions {
  const {
    port = 0,
    controlPort,
    fsync = options.directory !== undefined,
    suspendAfterMs = 300_000,
    wakeDelayMs = 300,
    wakeJitterMs = 100,
    endpoints = ['ep-local'],
    tls = 'off',
    pooler = {},
    systemDirectory = SYSTEM_DIRECTORY,
    clock = systemClock,
    log = ignore
  } = options
  for (const [name, value] of Object.entries({ suspendAfterMs, wakeDelayMs, wakeJitterMs })) {
    if (!(value >= 0 && value <= MAX_MS)) throw invalid(`${name} must be from 0 to ${MAX_MS}, not ${value}`)
  }
  for (const name of endpoints) {
    if (!ENDPOINT.test(name) || name.endsWith('-pooler'))
      throw invalid(`an endpoint is named like a host, and without -pooler: not ${JSON.stringify(name)}`)
  }
  const times = { suspendAfterMs, wakeDelayMs, wakeJitterMs }
  return { port, controlPort, fsync, ...times, endpoints, tls, pooler, systemDirectory, clock, log }
}

function invalid(message: string): LocalNeonError {
  return new LocalNeonError('LOCAL_NEON_OPTION_INVALID', message)
}
