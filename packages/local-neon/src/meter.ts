/**
 * Owns the count of what a compute costs and serves: the time it was awake, how often it woke,
 * and the sessions and statements that it saw.
 */
import type { Clock } from './clock.ts'

export interface MeterReading {
  /** Time since the first start in which Postgres ran or was on its way up or down, in seconds. */
  awakeSeconds: number
  /** Starts of the compute after the first one. */
  wakes: number
  /** Logins that reached Postgres. */
  sessions: number
  /** Statements: simple queries, and executions of the extended protocol. */
  queries: number
}

export interface Meter {
  read(): MeterReading
  onAwake(): void
  onAsleep(): void
  onWake(): void
  onSession(): void
  onQuery(): void
}

const SECOND_MS = 1000

export function createMeter(clock: Clock): Meter {
  const count = { wakes: 0, sessions: 0, queries: 0 }
  let awakeMs = 0
  let awakeSinceMs: number | undefined

  return {
    read: () => ({ awakeSeconds: (awakeMs + currentMs()) / SECOND_MS, ...count }),
    onAwake() {
      awakeSinceMs ??= clock.now()
    },
    onAsleep() {
      awakeMs += currentMs()
      awakeSinceMs = undefined
    },
    onWake() {
      count.wakes += 1
    },
    onSession() {
      count.sessions += 1
    },
    onQuery() {
      count.queries += 1
    }
  }

  function currentMs(): number {
    return awakeSinceMs === undefined ? 0 : clock.now() - awakeSinceMs
  }
}
