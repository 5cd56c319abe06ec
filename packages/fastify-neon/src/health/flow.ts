/**
 * Whether clients of the pool come back, judged over time and by counters alone: a full pool is no
 * failure of the database.
 */

/** `saturated`: somebody has met a full pool for a while. `stuck`: for so long that clients are not coming back. */
export const POOL_FLOWS = ['free', 'saturated', 'stuck'] as const
export type PoolFlow = (typeof POOL_FLOWS)[number]

export interface PoolReading {
  /** Connections, those under way included. */
  total: number
  idle: number
  /** Out, or on their way back. */
  checkedOut: number
  waiting: number
  max: number
  /** How long callers have met a full pool without one client coming back, in ms. */
  blockedForMs: number
}

export const SATURATED_AFTER_MS = 1000
// Three statements at their deadline: what is out for longer was forgotten, or waits for another that is.
export const STUCK_AFTER_MS = 30_000

export function flowOf({ blockedForMs, checkedOut, max }: PoolReading): PoolFlow {
  // Who waits for a connection to be made, as while a compute wakes, has no client yet.
  if (checkedOut < max) return 'free'
  if (blockedForMs >= STUCK_AFTER_MS) return 'stuck'
  return blockedForMs >= SATURATED_AFTER_MS ? 'saturated' : 'free'
}
