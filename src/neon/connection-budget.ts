/**
 * Whether a fleet of pods fits the connections of a Neon compute, and what would make it fit.
 * Numbers in, numbers out: it asks no database.
 */

/** What connects. */
export interface Fleet {
  /** Most replicas at once, 1 or more. */
  replicas: number
  /** Pods that a rollout starts beside them. */
  surge: number
  /** Pods that are ending and still hold their connections. */
  terminating: number
  /** Most connections of one pod, 1 or more. */
  poolMax: number
  /** Direct connections beside those of the pods: a migration, a person at psql. */
  jobs: number
}

/** Of a Neon compute, in CU; both are the same without autoscaling. */
export interface ComputeSize {
  minUnits: number
  maxUnits: number
}

export interface BudgetOptions {
  fleet: Fleet
  compute: ComputeSize
  /** Whether the pods connect to the pooled host. */
  isPooled: boolean
}

/** One thing that can run out. */
export interface Limit {
  what: 'sessions' | 'pooler clients'
  needed: number
  available: number
}

export interface ConnectionBudget {
  pods: number
  limits: Limit[]
  fits: boolean
  /** Most connections of one pod with which the same fleet fits; 0 when none does. */
  largestPoolMax: number
  /** Most replicas that fit; 0 when not even one does. */
  largestReplicas: number
  /** Smallest compute of fixed size, in CU, that the same fleet fits; undefined when none does. */
  smallestUnits: number | undefined
}

/** Sizes at which `max_connections` grows; from 10 CU on it stays. */
const COMPUTE_UNITS = [0.25, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const

// Source of these: Neon docs, "Postgres compatibility", parameter settings that differ by compute
// size, and "Connection pooling", as of 2026-11-14. Its pages of 2025 had a little more (112 instead of
// 104 at 0.25 CU), and for 9 CU the second has 4000 where the formula of the first, taken here, has 3776.
// `SHOW max_connections` tells.
const CONNECTIONS_PER_UNIT = 419.66
const FEWEST_CONNECTIONS = 100
const MOST_CONNECTIONS = 4000
/** An autoscaling compute gets the connections of its largest size, but of no more than so many times its smallest. */
const AUTOSCALING_FACTOR = 8
/** Kept for Neon's own superuser. */
export const RESERVED_CONNECTIONS = 7

const POOLER_CLIENTS = 10_000
/** What the pooler opens for one role and database; who comes then waits there. */
const POOLER_SHARE = 0.9
/** How long the pooler lets a transaction wait for a session, in ms. */
export const POOLER_WAIT_MS = 120_000

export function maxConnectionsOf({ minUnits, maxUnits }: ComputeSize): number {
  const units = Math.min(maxUnits, AUTOSCALING_FACTOR * minUnits)
  const connections = Math.floor(units * CONNECTIONS_PER_UNIT)
  return Math.max(FEWEST_CONNECTIONS, Math.min(MOST_CONNECTIONS, connections))
}

/** Sessions that the pooler shares out among the clients of one role and database. */
export function poolerSessionsOf(compute: ComputeSize): number {
  return Math.floor(POOLER_SHARE * maxConnectionsOf(compute))
}

export function connectionBudget(options: BudgetOptions): ConnectionBudget {
  const { fleet } = options
  const withFleet = (change: Partial<Fleet>) => fits({ ...options, fleet: { ...fleet, ...change } })
  return {
    pods: podsOf(fleet),
    limits: limitsOf(options),
    fits: fits(options),
    largestPoolMax: largest(poolMax => withFleet({ poolMax })),
    largestReplicas: largest(replicas => withFleet({ replicas })),
    smallestUnits: COMPUTE_UNITS.find(units =>
      fits({ ...options, compute: { minUnits: units, maxUnits: units } })
    )
  }
}

function podsOf({ replicas, surge, terminating }: Fleet): number {
  return replicas + surge + terminating
}

function limitsOf({ fleet, compute, isPooled }: BudgetOptions): Limit[] {
  const ofPods = podsOf(fleet) * fleet.poolMax
  const available = maxConnectionsOf(compute) - RESERVED_CONNECTIONS
  if (!isPooled) return [{ what: 'sessions', needed: ofPods + fleet.jobs, available }]
  // Migrations pass the pooler by, so what it may open and they must fit beside each other.
  const needed = Math.min(ofPods, poolerSessionsOf(compute)) + fleet.jobs
  return [
    { what: 'pooler clients', needed: ofPods, available: POOLER_CLIENTS },
    { what: 'sessions', needed, available }
  ]
}

function fits(options: BudgetOptions): boolean {
  return limitsOf(options).every(({ needed, available }) => needed <= available)
}

/** The last number, counted from 1, that still fits. It ends, since one pod alone takes one of what is limited. */
function largest(isEnough: (count: number) => boolean): number {
  let count = 0
  while (isEnough(count + 1)) count += 1
  return count
}
