/**
 * Connects in the background, as often as it takes, so that neither the start nor a request waits for it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseFailure, toFailure } from '../errors/failure.ts'
import { backoffMs } from '../runtime/backoff.ts'
import { outsideOfRequests } from '../runtime/outside.ts'

export interface BackgroundConnect {
  /** Tries until it has succeeded once; does nothing while that is under way. */
  begin(): void
  end(): void
}

const FIRST_RETRY_MS = 250
// With the wake of a compute at a few hundred ms, later tries lose little by waiting this long.
const MAX_RETRY_MS = 5000
// A wrong password or a missing database is fixed by a person.
const REFUSED_RETRY_MS = 30_000

export function createBackgroundConnect(checkout: () => Promise<{ release(): void }>): BackgroundConnect {
  const closing = new AbortController()
  let isTrying = false

  return {
    begin() {
      if (!isTrying) outsideOfRequests(tryOn)
    },
    end: () => closing.abort()
  }

  async function tryOn() {
    isTrying = true
    for (let failures = 1; !closing.signal.aborted; failures += 1) {
      const failure = await tryOnce()
      if (failure === undefined) break
      await sleep(retryDelayMs(failure, failures), undefined, { signal: closing.signal, ref: false }).catch(
        ignore
      )
    }
    isTrying = false
  }

  async function tryOnce(): Promise<DatabaseFailure | undefined> {
    try {
      const client = await checkout()
      client.release()
    } catch (error) {
      return toFailure(error, 'connect')
    }
  }
}

function retryDelayMs({ retryable }: DatabaseFailure, failures: number) {
  return retryable
    ? backoffMs({ firstMs: FIRST_RETRY_MS, maxMs: MAX_RETRY_MS, failures })
    : backoffMs({ firstMs: REFUSED_RETRY_MS, maxMs: REFUSED_RETRY_MS, failures })
}

function ignore() {}
