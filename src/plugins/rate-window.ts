/**
 * Counts requests in windows of time, for @fastify/rate-limit. Its own store goes by the time of day: when
 * the clock is set back, whoever is over the limit stays so until the clock has caught up.
 */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'

export interface WindowOptions {
  /** Keys that are remembered; the one that was seen first is forgotten for a new one. */
  maxKeys: number
  /** Milliseconds since some moment; never goes back. */
  now: () => number
}

interface Window {
  count: number
  endsAtMs: number
}

/** @fastify/rate-limit makes one store for each limit. */
export function createWindowStore({ maxKeys, now }: WindowOptions): FastifyRateLimitStoreCtor {
  return class WindowStore implements FastifyRateLimitStore {
    readonly #windows = new Map<string, Window>()

    incr(
      key: string,
      done: (error: Error | null, result?: { current: number; ttl: number }) => void,
      windowMs: number
    ): void {
      const window = this.#open(key, windowMs)
      window.count += 1
      done(null, { current: window.count, ttl: window.endsAtMs - now() })
    }

    child(): WindowStore {
      return new WindowStore()
    }

    #open(key: string, windowMs: number): Window {
      const open = this.#windows.get(key)
      if (open && open.endsAtMs > now()) return open
      // A Map keeps the place of a key that is set again, and this one is new.
      this.#windows.delete(key)
      const [oldest] = this.#windows.keys()
      if (oldest !== undefined && this.#windows.size >= maxKeys) this.#windows.delete(oldest)
      const window = { count: 0, endsAtMs: now() + windowMs }
      this.#windows.set(key, window)
      return window
    }
  }
}
