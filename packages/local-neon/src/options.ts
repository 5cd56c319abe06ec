/**
 * Owns what a local Neon can be told at its start, and the defaults, which are Neon's.
 */
import { type Clock, systemClock } from './clock.ts'
import { ignore, LocalNeonError } from './failure.ts'
import type { PoolerOptions } from './pooler/pooler.ts'
import { SYSTEM_DIRECTORY } from './postgres/place.ts'

export interface LocalNeonOptions {
  /** Folder that keeps everything of this local Neon (data, password). Made when missing. @default a temporary one, removed on close */
  directory?: string
  /** Port to listen on at 127.0.0.1; 0 = any free one. When taken, another free one is used. @default 0 */
  port?: number
  /** Port of the control interface at 127.0.0.1; 0 = any free one. @default no control interface */
  controlPort?: number
  /** false trades durability on a machine crash for speed: for tests. @default true; false in a temporary directory */
  fsync?: boolean
  /** Time without activity after which the compute stops, in ms; 0 = never. @default 300000, as on Neon */
  suspendAfterMs?: number
  /** What a wake takes at least, in ms. @default 300: a few hundred milliseconds, Neon's documentation says */
  wakeDelayMs?: number
  /** A wake takes up to so much longer, in ms. @default 100 */
  wakeJitterMs?: number
  /** Names of the endpoints; the first is the one of clients that name none. @default ['ep-local'] */
  endpoints?: readonly [string, ...string[]]
  /** `offered`: besides connections without; `required`: as on Neon, none without. @default 'off' */
  tls?: TlsMode
  /** PgBouncer behind the pooled URL. @default as Neon's, where there is one on this machine */
  pooler?: PoolerOptions
  /**
   * Folder for what lies in `directory` otherwise, when root starts and the user that Postgres
   * runs as cannot enter `directory`. @default '/var/lib/fastify-neon'
   */
  systemDirectory?: string
  /** The time of idling, waking, latency and the meter. @default the system's */
  clock?: Clock
  /** Takes what a person should know about the start. @default nobody */
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
