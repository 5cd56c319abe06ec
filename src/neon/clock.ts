/**
 * Time as the database layer sees it: one that never jumps, and that a test can turn by hand.
 */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number
  /** Calls back once after the delay, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  }
}
