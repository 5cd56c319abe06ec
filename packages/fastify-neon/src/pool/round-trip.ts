/**
 * The round trip to a pool's server, which nobody has to tell: nothing is answered sooner, so it is the shortest answer
 * of late. What is older is forgotten, since a path may become longer.
 */
import type { Clock } from '../runtime/clock.ts'

export interface RoundTrip {
  /** Something was answered after so long; whatever the server did for it is in that time. */
  note(tookMs: number): void
  /** 0 while nothing is known. */
  readonly ms: number
}

// What was noted is forgotten after one to two of them.
const WINDOW_MS = 10_000

// Longer than over a satellite: what takes more than that takes it on the server.
const LONGEST_MS = 1000

export function createRoundTrip(clock: Clock): RoundTrip {
  let windowEndsAt = Number.NEGATIVE_INFINITY
  let shortestMs = Number.POSITIVE_INFINITY
  /** In the window before. */
  let formerMs = Number.POSITIVE_INFINITY

  return {
    note(tookMs) {
      const now = clock.now()
      if (now >= windowEndsAt) {
        formerMs = now - windowEndsAt < WINDOW_MS ? shortestMs : Number.POSITIVE_INFINITY
        shortestMs = tookMs
        windowEndsAt = now + WINDOW_MS
      } else shortestMs = Math.min(shortestMs, tookMs)
    },
    get ms() {
      if (shortestMs === Number.POSITIVE_INFINITY) return 0
      return Math.min(shortestMs, formerMs, LONGEST_MS)
    }
  }
}
