/**
 * Judges the answer to a request: whether it is the last word, or why the same request is sent again, and when.
 */
import type { Problem } from './types.ts'
import type { Wait } from './waits.ts'

export interface Answer {
  response: Response
  /** The body of a refusal: a problem of the service, or whatever a proxy in front of it wrote. */
  error?: unknown
}

export interface Repetition {
  wait: Wait
  /** How long the service asks to wait; undefined where it did not answer itself. */
  afterMs: number | undefined
}

const SECOND_MS = 1000

const WAIT_BY_CODE = new Map<string, Wait>([
  ['FST_NEON_COMMIT_OUTCOME_UNKNOWN', 'outcome-unknown'],
  ['APP_IDEMPOTENCY_KEY_IN_USE', 'outcome-unknown'],
  ['APP_KEYS_UNAVAILABLE', 'keys-unavailable'],
  ['APP_CLOSING', 'restarting']
])

/** Of a request that got no answer at all. */
export const UNANSWERED: Repetition = { wait: 'unreachable', afterMs: undefined }

/** Undefined for an answer that no repetition changes. A 401 is not judged here: it needs another token. */
export function repetitionOf({ response, error }: Answer): Repetition | undefined {
  if (response.ok) return undefined
  const problem = problemIn(error)
  const retryAfter = response.headers.get('retry-after')
  // The service sends it where nothing was done, or where the key of the request makes sure that it is done once.
  if (problem !== undefined && retryAfter !== null)
    return { wait: waitOf(problem), afterMs: millisecondsIn(retryAfter) }
  // Of a proxy, whose service is gone for now.
  if (problem === undefined && [502, 503, 504].includes(response.status)) return UNANSWERED
  return undefined
}

/** A date, which only a proxy writes, is no number. */
function millisecondsIn(retryAfter: string): number | undefined {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * SECOND_MS : undefined
}

function waitOf({ code, status }: Problem): Wait {
  return WAIT_BY_CODE.get(code) ?? (status === 429 ? 'limited' : 'waking')
}

export function problemIn(error: unknown): Problem | undefined {
  return isProblem(error) ? error : undefined
}

/** Who answers in JSON with a code is the service. */
function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && 'code' in error
}
