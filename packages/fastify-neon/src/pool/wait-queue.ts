/**
 * Who waits for something of which there is not enough: in turns, one of each share, and within a share first come,
 * first served; each until a deadline and for as long as its signal is not aborted.
 */

import { type Abortable, onAbort } from '../errors/abort.ts'
import type { DatabaseFailure } from '../errors/failure.ts'
import { type Clock, SYSTEM_CLOCK } from '../runtime/clock.ts'

export interface QueueOptions {
  /** Longest wait of each, in ms. */
  timeoutMs: number
  /** What a wait of that length fails with. */
  onTimeout: () => DatabaseFailure
  clock?: Clock
}

/** What is known of one who waits. */
export interface Ticket<Mark> {
  /** Those of one share wait for each other. @default the share of all who name none */
  share?: string | undefined
  mark?: Mark | undefined
}

export interface Queue<T, Mark = never> {
  wait(signal?: Abortable, ticket?: Ticket<Mark>): Promise<T>
  /** Serves whose turn it is; false when nobody waits. */
  serve(value: T): boolean
  /** Whose turn it is among the first of each share of whom `isFit` is true. */
  next(isFit: (ticket: Ticket<Mark>) => boolean): Waiter<T, Mark> | undefined
  /** Refuses all who wait, each with a failure of its own. */
  refuseAll(failure: () => DatabaseFailure): void
  readonly size: number
  /** How many shares have somebody who waits. */
  readonly shares: number
  sizeOf(share: string | undefined): number
}

export interface Waiter<T, Mark> extends Ticket<Mark> {
  serve: (value: T) => void
  refuse: (failure: DatabaseFailure) => void
}

export function createWaitQueue<T, Mark = never>({
  timeoutMs,
  onTimeout,
  clock = SYSTEM_CLOCK
}: QueueOptions): Queue<T, Mark> {
  // By share, in the order of their turns; none is empty. Insertion order is the order within a share, and leaving
  // from the middle is cheap.
  const lanes = new Map<string | undefined, Set<Waiter<T, Mark>>>()
  /** All of them, in the order of their deadlines. One timer for all: to make one for each costs as much as the rest of a wait. */
  const deadlines = new Map<Waiter<T, Mark>, number>()
  let stopTimer: (() => void) | undefined

  return {
    wait,
    next,
    serve(value) {
      const waiter = next(() => true)
      waiter?.serve(value)
      return waiter !== undefined
    },
    refuseAll(failure) {
      for (const lane of lanes.values()) for (const waiter of lane) waiter.refuse(failure())
    },
    get size() {
      return deadlines.size
    },
    get shares() {
      return lanes.size
    },
    sizeOf: share => lanes.get(share)?.size ?? 0
  }

  function next(isFit: (ticket: Ticket<Mark>) => boolean): Waiter<T, Mark> | undefined {
    for (const [first] of lanes.values()) if (first && isFit(first)) return first
    return undefined
  }

  function wait(signal?: Abortable, { share, mark }: Ticket<Mark> = {}) {
    return new Promise<T>((resolve, reject) => {
      const lane = lanes.get(share) ?? new Set()
      const waiter: Waiter<T, Mark> = {
        share,
        mark,
        serve: value =>
          leave(() => {
            // The next turn of this share is behind one of each other.
            if (lanes.delete(share)) lanes.set(share, lane)
            resolve(value)
          }),
        refuse: failure => leave(() => reject(failure))
      }
      const stopListening = onAbort(signal, waiter.refuse)
      lanes.set(share, lane.add(waiter))
      deadlines.set(waiter, clock.now() + timeoutMs)
      stopTimer ??= clock.after(timeoutMs, refuseLate)

      function leave(settle: () => void) {
        stopListening()
        lane.delete(waiter)
        if (lane.size === 0) lanes.delete(share)
        deadlines.delete(waiter)
        if (deadlines.size === 0) restartTimer()
        settle()
      }
    })
  }

  /** It may have been started for somebody who has left. */
  function refuseLate() {
    const now = clock.now()
    for (const [waiter, endsAt] of deadlines) {
      if (endsAt > now) break
      waiter.refuse(onTimeout())
    }
    restartTimer()
  }

  function restartTimer() {
    stopTimer?.()
    const [first] = deadlines.values()
    stopTimer = first === undefined ? undefined : clock.after(Math.max(0, first - clock.now()), refuseLate)
  }
}
