/**
 * What the probes answer, as a pure function of what has been seen so far.
 */

/** `draining` is one-way: the process has been asked to stop and still serves what it has. */
export type ProcessState = 'serving' | 'draining'

/** `unknown`: no connection yet. `down`: the last attempt to reach it failed. */
export type DatabaseState = 'unknown' | 'up' | 'down'

export interface HealthState {
  readonly process: ProcessState
  readonly database: DatabaseState
  /** True from the first connection on. */
  readonly wasReached: boolean
}

export type HealthEvent = 'database-answered' | 'database-failed' | 'drain'

/** `degraded` is ready: after the first success an outage of the database is answered by the routes, not by taking the process out of service. */
export type Readiness = 'ok' | 'degraded' | 'unavailable'

export const INITIAL_STATE: HealthState = { process: 'serving', database: 'unknown', wasReached: false }

export function nextState(state: HealthState, event: HealthEvent): HealthState {
  switch (event) {
    case 'database-answered':
      return { ...state, database: 'up', wasReached: true }
    case 'database-failed':
      return { ...state, database: state.wasReached ? 'down' : 'unknown' }
    case 'drain':
      return { ...state, process: 'draining' }
  }
}

export function readinessOf({ process, database, wasReached }: HealthState): Readiness {
  if (process === 'draining' || !wasReached) return 'unavailable'
  return database === 'up' ? 'ok' : 'degraded'
}
