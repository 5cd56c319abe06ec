/**
 * What the log says of requests that are refused: a line for the first, and then one a second with their number, since
 * an overload or an outage refuses thousands a second.
 */
import type { FastifyBaseLogger } from 'fastify'

const SECOND_MS = 1000

/** Why they are refused. Those of the same facts are counted together. */
export type Refusal = Record<string, string>

export function createRefusalLog(
  log: Pick<FastifyBaseLogger, 'warn'>,
  everyMs = SECOND_MS
): (refusal: Refusal) => void {
  /** Since the last line. */
  const counts = new Map<string, number>()

  return refusal => {
    const key = JSON.stringify(refusal)
    const count = counts.get(key)
    if (count === undefined) tell(key, refusal, 1)
    else counts.set(key, count + 1)
  }

  function tell(key: string, refusal: Refusal, count: number) {
    log.warn({ ...refusal, count }, 'requests refused')
    counts.set(key, 0)
    setTimeout(() => {
      const since = counts.get(key)
      counts.delete(key)
      if (since) tell(key, refusal, since)
    }, everyMs).unref()
  }
}
