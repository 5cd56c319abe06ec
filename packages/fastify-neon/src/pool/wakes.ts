/**
 * How often the compute woke for this process, as far as a client can tell.
 */
import type { PoolEvent } from './events.ts'

export interface Wakes {
  /** Takes in an event; true when it is a connection for which the compute woke. */
  observe(event: PoolEvent): boolean
  /** The server has said so, and no connection was made since. */
  readonly isAsleep: boolean
}

/** Neon suspends after five minutes without activity. Source: Neon docs, "Scale to Zero". */
export const SUSPEND_AFTER_MS = 300_000

// admin_shutdown, which is how a compute that suspends takes leave of its sessions.
const ADMIN_SHUTDOWN = '57P01'

/** `gapMs`: the silence before the last answer, in ms. */
export function createWakes(gapMs: () => number): Wakes {
  let isAsleep = false

  return {
    observe(event) {
      switch (event.type) {
        case 'idle-client-lost':
          isAsleep ||= event.failure.sqlState === ADMIN_SHUTDOWN
          return false
        case 'connect-retried':
          isAsleep ||= event.failure.kind === 'waking'
          return false
        case 'connected': {
          const isWake = isAsleep || gapMs() >= SUSPEND_AFTER_MS
          isAsleep = false
          return isWake
        }
        default:
          return false
      }
    },
    get isAsleep() {
      return isAsleep
    }
  }
}
