/**
 * When Postgres last answered, which every statement of the application shows for free.
 */
import { type Clock, SYSTEM_CLOCK } from '../runtime/clock.ts'

export interface LastResponse {
  /** Takes note of an answer; it is on the way of every statement, and costs two reads and a write. */
  note(): void
  /** Calls back once, at the next answer, unless the returned function is called before. */
  next(listener: () => void): () => void
  /** Time since the last answer, in ms; undefined before the first. */
  readonly ageMs: number | undefined
  /** The silence before the last answer, in ms; 0 before the second. */
  readonly gapMs: number
}

export function createLastResponse(clock: Clock = SYSTEM_CLOCK): LastResponse {
  const listeners = new Set<() => void>()
  let notedAt: number | undefined
  let gapMs = 0

  return {
    note() {
      const now = clock.now()
      gapMs = now - (notedAt ?? now)
      notedAt = now
      if (listeners.size > 0) tell()
    },
    next(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get ageMs() {
      return notedAt === undefined ? undefined : clock.now() - notedAt
    },
    get gapMs() {
      return gapMs
    }
  }

  function tell() {
    const told = [...listeners]
    listeners.clear()
    for (const listener of told) listener()
  }
}
