/**
 * What the probes answer, as a pure function of what is known.
 */
import type { Database, DatabaseState, EvidenceSource, FailureReason } from './database.ts'
import type { PoolFlow, PoolReading } from './flow.ts'
import type { MigrationState } from './migrations.ts'
import type { ProcessState } from './process.ts'
import type { StartupCondition } from './startup.ts'

/** `degraded` is ready: an outage is answered by the routes, request by request, not by taking every replica out. */
export const READINESS = ['ok', 'degraded', 'unavailable'] as const
export type Readiness = (typeof READINESS)[number]

/** `fail-closed`: a database that is down makes the process not ready, also after it was reached once. */
export const DOWN_POLICIES = ['fail-open', 'fail-closed'] as const
export type DownPolicy = (typeof DOWN_POLICIES)[number]

/** `pending`: no result yet. `skipped`: it would wake a database that nobody uses; the last result counts. */
export const CHECK_STATES = ['ok', 'failed', 'timeout', 'pending'] as const
export type CheckState = (typeof CHECK_STATES)[number]

export interface CheckResult {
  state: CheckState
  critical: boolean
}

export interface DatabaseReading {
  state: DatabaseState
  /** Why the last evidence is a failure. */
  reason?: FailureReason
  /** Time since the last answer, in ms. */
  lastSuccessAgeMs?: number
  /** Whose question that answered. */
  source: EvidenceSource | 'none'
}

/** Ages of the answer are whole milliseconds. */
export function readDatabase({ state, reason, ...rest }: Database, nowMs: number): DatabaseReading {
  const { answeredAtMs, answerSource: source = 'none' } = rest
  return {
    state,
    ...(reason !== undefined && { reason }),
    ...(answeredAtMs !== undefined && { lastSuccessAgeMs: Math.round(nowMs - answeredAtMs) }),
    source
  }
}

export interface PoolState extends Omit<PoolReading, 'blockedForMs'> {
  flow: PoolFlow
}

/** A database that health looks at, and the pool on it. */
export interface Watched {
  /** The process is not ready without it. */
  critical: boolean
  database: DatabaseReading
  pool: PoolState
}

export interface Snapshot {
  readiness: Readiness
  process: ProcessState
  /** Whether the startup gate was passed. */
  hasStarted: boolean
  /** Until it has: what it waits for. */
  waitingFor?: StartupCondition[]
  /** `pending`: how many. */
  migrations: { state: MigrationState; pending: number }
  /** The first that was registered. */
  database: DatabaseReading
  pool: PoolState
  /** All, replicas too, by name. */
  databases: Record<string, Watched>
  /** By name. */
  checks: Record<string, CheckResult>
}

export interface ReadinessInput {
  process: ProcessState
  /** Those that count. */
  databases: readonly DatabaseInput[]
  checks: Record<string, CheckResult>
  /** True when the database has lost what the code expects of it. */
  isBehind: boolean
  policy: DownPolicy
}

export interface DatabaseInput {
  state: DatabaseState
  flow: PoolFlow
  /** False: a failure makes the process degraded, and no more. */
  critical: boolean
}

export function readinessOf({ process, databases, checks, isBehind, policy }: ReadinessInput): Readiness {
  if (process !== 'ready' || isBehind) return 'unavailable'
  return worstOf([
    ...databases.map(database => databaseReadiness(database, policy)),
    ...Object.values(checks).map(checkReadiness)
  ])
}

/** By the state alone, of a process that has reached the database once. */
export const READINESS_BY_STATE: Record<DownPolicy, Record<DatabaseState, Readiness>> = {
  'fail-open': {
    unknown: 'unavailable',
    up: 'ok',
    idle: 'ok',
    suspect: 'degraded',
    down: 'degraded',
    // Another replica has a pool of its own.
    wedged: 'unavailable'
  },
  'fail-closed': {
    unknown: 'unavailable',
    up: 'ok',
    idle: 'ok',
    suspect: 'degraded',
    down: 'unavailable',
    wedged: 'unavailable'
  }
}

function databaseReadiness({ state, flow, critical }: DatabaseInput, policy: DownPolicy): Readiness {
  const readiness = worstOf([READINESS_BY_STATE[policy][state], flow === 'free' ? 'ok' : 'degraded'])
  return critical || readiness === 'ok' ? readiness : 'degraded'
}

function checkReadiness({ state, critical }: CheckResult): Readiness {
  if (state === 'ok') return 'ok'
  return critical ? 'unavailable' : 'degraded'
}

function worstOf(parts: Readiness[]): Readiness {
  return parts.reduce(
    (worst, part) => (READINESS.indexOf(part) > READINESS.indexOf(worst) ? part : worst),
    'ok'
  )
}
