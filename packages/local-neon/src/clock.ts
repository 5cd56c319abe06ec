/**
 * Owns the time of Local Neon: idle time, wakes, latency and the meter read it here, so that a
 * test or a simulation can pass in another one.
 */
import { setTimeout as sleepOnSystem } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since any fixed moment; never goes back. */
  now(): number
  /** Resolves after so many milliseconds of this clock; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A timer of Node.js that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(ms, signal) {
    const endMs = performance.now() + ms
    let leftMs = ms
    do {
      await sleepOnSystem(Math.min(leftMs, MAX_TIMER_MS), undefined, { signal, ref: false })
      leftMs = endMs - performance.now()
    } while (leftMs > 0)
  }
}

/** A clock that runs `factor` times as fast as this machine's: an hour a second at 3600. */
export function scaledClock(factor: number): Clock {
  return {
    now: () => systemClock.now() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal)
  }
}
