/**
 * A limit on a wait for what cannot be cancelled.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves when `work` does, and after `timeoutMs` at the latest; rejects when `work` rejects before. */
export async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  try {
    await Promise.race([work, sleep(timeoutMs, undefined, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}
