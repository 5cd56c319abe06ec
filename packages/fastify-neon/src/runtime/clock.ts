/**
 * Time as the database layer sees it: one that never jumps, and that a test can turn by hand.
 */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number
  /** Calls back once after the delay, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void
}

/** As the system's, with timers that keep no process alive. */
export const BACKGROUND_CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref()
    return () => clearTimeout(timer)
  }
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  }
}

// A timer later than this part of its delay says that this process was held up, with answers still unread.
const LATE_PART = 0.5

/** As `clock.after`, and says whether this process was held up meanwhile: then a silence proves nothing. */
export function afterOrLate(clock: Clock, delayMs: number, callback: (isLate: boolean) => void): () => void {
  const dueAt = clock.now() + delayMs
  return clock.after(delayMs, () => callback(clock.now() - dueAt > delayMs * LATE_PART))
}
