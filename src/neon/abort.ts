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

function ignore() {}
