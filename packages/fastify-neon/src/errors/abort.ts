/**
 * Waits that an AbortSignal can end, with no listener left behind on a signal that lives on.
 */
import { DatabaseFailure } from './failure.ts'

/** All that is used of an AbortSignal. */
export interface Abortable {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** What is thrown for a signal that was aborted: its reason when that is ours, and `aborted` otherwise. */
export function failureOfAbort({ reason }: Abortable): DatabaseFailure {
  return reason instanceof DatabaseFailure ? reason : new DatabaseFailure('aborted', { cause: reason })
}

/** Calls back with why, when the signal is aborted, until the returned function is called. */
export function onAbort(
  signal: Abortable | undefined,
  callback: (failure: DatabaseFailure) => void
): () => void {
  if (signal === undefined) return ignore
  const listener = () => callback(failureOfAbort(signal))
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/** Settles as `work` does, or rejects when the signal is aborted before; then nobody hears of `work` any more. */
export function unlessAborted<T>(signal: Abortable, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) reject(failureOfAbort(signal))
    const stopListening = onAbort(signal, reject)
    work.then(resolve, reject).finally(stopListening)
  })
}

/** Resolves after `ms`, or rejects when the signal is aborted before. */
export async function pause(ms: number, signal: Abortable): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await unlessAborted(signal, over).finally(() => clearTimeout(timer))
}

export interface LimitOptions {
  signal?: Abortable | undefined
  timeoutMs: number
  /** What waits fail with when the time is over. */
  onTimeout: () => DatabaseFailure
}

export interface Limit {
  /** Aborted by the given signal or by the time, whichever is first. */
  signal: Abortable
  /** Lets go of the timer and of the given signal. */
  dispose(): void
}

export function createLimit({ signal, timeoutMs, onTimeout }: LimitOptions): Limit {
  const limit = new LimitSignal()
  const timer = setTimeout(() => limit.abort(onTimeout()), timeoutMs)
  const stopListening = onAbort(signal, failure => limit.abort(failure))
  if (signal?.aborted) limit.abort(failureOfAbort(signal))
  return {
    signal: limit,
    dispose() {
      clearTimeout(timer)
      stopListening()
    }
  }
}

/** As the signal of an AbortController, which costs as much as the rest of a short transaction. */
class LimitSignal implements Abortable {
  aborted = false
  reason: DatabaseFailure | undefined
  readonly #listeners = new Set<() => void>()

  addEventListener(_type: 'abort', listener: () => void) {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void) {
    this.#listeners.delete(listener)
  }

  /** Once. */
  abort(reason: DatabaseFailure) {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}

function ignore() {}
