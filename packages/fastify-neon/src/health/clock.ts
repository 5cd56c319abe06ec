/**
 * Time as health sees it: one that never jumps, with timers that keep no process alive.
 */
export interface HealthClock {
  /** Milliseconds since some moment. */
  now(): number
  /** Calls back once after the delay, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void
}
