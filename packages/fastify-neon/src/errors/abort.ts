/**
 * Waits that an AbortSignal can end, with no listener left behind on a signal that lives on.
 */
import { DatabaseFailure } from './failure.ts'

/** What is thrown for a signal that was aborted: its reason when that is ours, and `aborted` otherwise. */
export function failureOfAbort({ reason }: AbortSignal): DatabaseFailure {
  return reason instanceof DatabaseFailure ? reason : new DatabaseFailure('aborted', { cause: reason })
}

/** Calls back with why, when the signal is aborted, until the returned function is called. */
export function onAbort(
  signal: AbortSignal | undefined,
  callback: (failure: DatabaseFailure) => void
): () => void {
  if (signal === undefined) return ignore
  const listener = () => callback(failureOfAbort(signal))
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/** Settles as `work` does, or rejects when the signal is aborted before; then nobody hears of `work` any more. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) reject(failureOfAbort(signal))
    const stopListening = onAbort(signal, reject)
    work.then(resolve, reject).finally(stopListening)
  })
}

export interface LimitOptions {
  signal?: AbortSignal | undefined
  timeoutMs: number
  /** What waits fail with when the time is over. */
  onTimeout: () => DatabaseFailure
}

export interface Limit {
  /** Aborted by the given signal or by the time, whichever is first. */
  signal: AbortSignal
  /** Lets go of the timer and of the given signal. */
  dispose(): void
}

export function createLimit({ signal, timeoutMs, onTimeout }: LimitOptions): Limit {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(onTimeout()), timeoutMs)
  const stopListening = onAbort(signal, failure => controller.abort(failure))
  if (signal?.aborted) controller.abort(failureOfAbort(signal))
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer)
      stopListening()
    }
  }
}

function ignore() {}
