/**
 * The questions that health itself asks the database: one at a time, one a second at most, each with
 * the number of those before it, and never after the end.
 */
import type { HealthClock } from './clock.ts'
import type { FailureReason } from './database.ts'

export interface ProbesOptions {
  /** Settles in bounded time with why there was no answer. Never rejects. */
  probe: () => Promise<FailureReason | undefined>
  onResult: (outcome: { reason: FailureReason | undefined; askedAtMs: number }) => void
  clock: HealthClock
}

export interface ProbeCounts {
  answered: number
  failed: number
}

export interface Probes {
  /** Asks now. All who do at once share one answer, and who does within a second of it gets no other. */
  ask(): Promise<void>
  /** Asks after the pause, in place of what was planned before; not at all for undefined. */
  plan(pauseMs: number | undefined): void
  /** Counts from the start again, as `asked` does. */
  begin(): void
  /** Since `begin`. */
  readonly asked: number
  /** Since the process began. */
  readonly counts: Readonly<ProbeCounts>
  close(): void
}

const LEAST_BETWEEN_MS = 1000

export function createProbes({ probe: ask, onResult: onAnswer, clock }: ProbesOptions): Probes {
  const counts = { answered: 0, failed: 0 }
  let asked = 0
  let askedAtMs = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined
  let stopTimer: (() => void) | undefined
  let isClosed = false

  return {
    ask: askUnlessRecent,
    plan(pauseMs) {
      stopTimer?.()
      stopTimer = pauseMs === undefined || isClosed ? undefined : clock.after(pauseMs, askUnlessRecent)
    },
    begin() {
      asked = 0
    },
    get asked() {
      return asked
    },
    counts,
    close() {
      isClosed = true
      stopTimer?.()
    }
  }

  function askUnlessRecent(): Promise<void> {
    if (asking !== undefined) return asking
    if (isClosed || clock.now() - askedAtMs < LEAST_BETWEEN_MS) return Promise.resolve()
    asking = askOnce()
    return asking
  }

  async function askOnce() {
    askedAtMs = clock.now()
    asked += 1
    const reason = await ask()
    asking = undefined
    counts[reason === undefined ? 'answered' : 'failed'] += 1
    if (!isClosed) onAnswer({ reason, askedAtMs })
  }
}
