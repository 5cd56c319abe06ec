/**
 * Sends a request until its outcome is known. It may be sent many times: a read, or a write under an Idempotency-Key.
 */
import { type Answer, repetitionOf, UNANSWERED } from './answer.ts'
import type { Network } from './network.ts'
import type { Session } from './sign-in/session.ts'
import type { Waits } from './waits.ts'

export interface SendOptions {
  waits: Waits
  network: Network
  session: Pick<Session, 'get' | 'untilRenewed'>
}

export type Send = <T extends Answer>(
  request: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal
) => Promise<T>

// A wake of the database takes longer, and most answers a tenth of it.
const SLOW_AFTER_MS = 1000
// The service answers within its own limits for a connection and a statement, 25 s. Without an answer the way is broken.
const ANSWER_TIMEOUT_MS = 45_000
const FIRST_PAUSE_MS = 1000
const LAST_PAUSE_MS = 15_000

export function createSend({ waits, network, session }: SendOptions): Send {
  /** Rejects when `signal` is aborted, and for no other reason. */
  return async (request, signal) => {
    const id = Symbol('request')
    try {
      for (let lost = 0; ; ) {
        signal.throwIfAborted()
        const token = session.get()?.token
        const answer = await attempt(id, request, signal)
        if (answer?.response.status === 401) {
          waits.set(id, 'signed-out')
          await session.untilRenewed(token, signal)
          waits.set(id, undefined)
          continue
        }
        const repetition = answer === undefined ? UNANSWERED : repetitionOf(answer)
        if (answer !== undefined && repetition === undefined) return answer
        const { wait, afterMs } = repetition ?? UNANSWERED
        lost = afterMs === undefined ? lost + 1 : 0
        waits.set(id, network.isOnline() ? wait : 'offline')
        await network.pause(afterMs ?? pauseMs(lost), signal)
      }
    } finally {
      waits.set(id, undefined)
    }
  }

  /** Resolves with undefined when no answer came. */
  async function attempt<T extends Answer>(
    id: symbol,
    request: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal
  ): Promise<T | undefined> {
    const slow = setTimeout(() => waits.set(id, waits.of(id) ?? 'slow'), SLOW_AFTER_MS)
    try {
      return await request(AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]))
    } catch {
      signal.throwIfAborted()
      return undefined
    } finally {
      clearTimeout(slow)
    }
  }
}

function pauseMs(lost: number): number {
  return Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (lost - 1))
}
