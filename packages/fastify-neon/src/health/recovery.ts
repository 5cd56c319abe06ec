/**
 * When to ask a database that is in doubt: soon at first, ever more rarely, and hardly ever when nobody
 * needs it. One that is not in doubt is not asked.
 */
import type { Database } from './database.ts'

export interface RecoveryMoment {
  database: Database
  /** Questions since the doubt began. */
  asked: number
  /** Since the application last wanted the database, in ms. */
  quietForMs: number
  /** From 0 to below 1. */
  random: () => number
}

export const FIRST_PAUSE_MS = 1000
export const MAX_PAUSE_MS = 30_000
/** Wrong passwords and missing databases are fixed by a person. */
export const REFUSED_PAUSE_MS = 30_000
/** As long as Neon waits before it suspends. */
export const QUIET_AFTER_MS = 5 * 60_000
export const QUIET_PAUSE_MS = 5 * 60_000

/** Until the next question, in ms; undefined when there is nothing to ask. */
export function recoveryPauseMs({ database, asked, quietForMs, random }: RecoveryMoment): number | undefined {
  if (database.state !== 'suspect' && database.state !== 'down') return undefined
  if (quietForMs >= QUIET_AFTER_MS) return spread(QUIET_PAUSE_MS, random)
  if (database.reason === 'refused' && asked > 0) return spread(REFUSED_PAUSE_MS, random)
  return spread(Math.min(FIRST_PAUSE_MS * 2 ** asked, MAX_PAUSE_MS), random)
}

/** Half of it is random, so that replicas that failed together do not ask together; never below a second. */
function spread(pauseMs: number, random: () => number): number {
  return Math.max(FIRST_PAUSE_MS, pauseMs * (0.5 + random() / 2))
}
