/**
 * Who waits for something of which there is not enough: first come, first served, each until a deadline
 * and for as long as its signal is not aborted.
 */
import { onAbort } from './abort.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import type { DatabaseFailure } from './failure.ts'

export interface QueueOptions {
  /** Longest wait of each, in ms. */
  timeoutMs: number
  /** What a wait of that length fails with. */
  onTimeout: () => DatabaseFailure
  clock?: Clock
}

export interface Queue<T, Mark = never> {
  /** `mark` says of the one who waits what `first` shows. */
  wait(signal?: AbortSignal, mark?: Mark): Promise<T>
  /** Serves who came first; false when nobody waits. */
  serve(value: T): boolean
  /** Refuses all who wait, each with a failure of its own. */
  refuseAll(failure: () => DatabaseFailure): void
  readonly size: number
  /** The mark of who came first. */
  readonly first: Mark | undefined
}

interface Waiter<T, Mark> {
  mark: Mark | undefined
  serve: (value: T) => void
  refuse: (failure: DatabaseFailure) => void
}

export function createQueue<T, Mark = never>({
  timeoutMs,
  onTimeout,
  clock = SYSTEM_CLOCK
}: QueueOptions): Queue<T, Mark> {
  // Insertion order is the queue's order, and leaving from the middle is cheap.
  const waiters = new Set<Waiter<T, Mark>>()

  return {
    wait,
    serve(value) {
      const [next] = waiters
      next?.serve(value)
      return next !== undefined
    },
    refuseAll(failure) {
      for (const waiter of waiters) waiter.refuse(failure())
    },
    get size() {
      return waiters.size
    },
    get first() {
      const [next] = waiters
      return next?.mark
    }
  }

  function wait(signal?: AbortSignal, mark?: Mark) {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T, Mark> = {
        mark,
        serve: value => leave(() => resolve(value)),
        refuse: failure => leave(() => reject(failure))
      }
      const stopTimer = clock.after(timeoutMs, () => waiter.refuse(onTimeout()))
      const stopListening = onAbort(signal, waiter.refuse)
      waiters.add(waiter)

      function leave(settle: () => void) {
        stopTimer()
        stopListening()
        waiters.delete(waiter)
        settle()
      }
    })
  }
}
