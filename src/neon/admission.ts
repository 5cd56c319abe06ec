/**
 * Who may hold a client: as many permits as the pool has clients, and a bounded
 * first-come queue with a deadline in front of them.
 */
import { failureOfAbort, onAbort } from './abort.ts'
import { DatabaseFailure } from './failure.ts'

export interface AdmissionOptions {
  permits: number
  /** Longest queue; who comes after is refused at once. */
  maxWaiting: number
  /** Longest wait of each in the queue, in ms. */
  timeoutMs: number
}

interface Waiter {
  admit: () => void
  refuse: (failure: DatabaseFailure) => void
}

export interface Admission {
  /**
   * Resolves with a function that gives the permit back; further calls of it do nothing.
   * Who gives up by the signal leaves the queue and takes no permit.
   */
  acquire(signal?: AbortSignal): Promise<() => void>
  /** Refuses all who wait and all who come later. */
  close(): void
  readonly waiting: number
}

export function createAdmission({ permits, maxWaiting, timeoutMs }: AdmissionOptions): Admission {
  // Insertion order is the queue's order, and leaving from the middle is cheap.
  const queue = new Set<Waiter>()
  let free = permits
  let closed = false

  return {
    async acquire(signal) {
      if (closed) throw new DatabaseFailure('closed')
      if (signal?.aborted) throw failureOfAbort(signal)
      if (free > 0) free -= 1
      else if (queue.size < maxWaiting) await wait(signal)
      else throw new DatabaseFailure('exhausted')
      return once(giveBack)
    },
    close() {
      closed = true
      for (const waiter of queue) waiter.refuse(new DatabaseFailure('closed'))
    },
    get waiting() {
      return queue.size
    }
  }

  function wait(signal: AbortSignal | undefined) {
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => leave(resolve),
        refuse: failure => leave(() => reject(failure))
      }
      const timer = setTimeout(() => waiter.refuse(new DatabaseFailure('exhausted')), timeoutMs)
      const stopListening = onAbort(signal, failure => waiter.refuse(failure))
      queue.add(waiter)

      function leave(settle: () => void) {
        clearTimeout(timer)
        stopListening()
        queue.delete(waiter)
        settle()
      }
    })
  }

  function giveBack() {
    const [next] = queue
    // The permit passes on without becoming free, so nobody can overtake the queue.
    if (next) next.admit()
    else free += 1
  }
}

function once(callback: () => void) {
  let called = false
  return () => {
    if (called) return
    called = true
    callback()
  }
}
