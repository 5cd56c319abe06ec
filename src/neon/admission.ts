/**
 * Who may hold a client: as many permits as the pool has clients, and a bounded
 * first-come queue with a deadline in front of them.
 */
import { failureOfAbort } from './abort.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { DatabaseFailure } from './failure.ts'
import { createQueue } from './queue.ts'

export interface AdmissionOptions {
  permits: number
  /** Longest queue; who comes after is refused at once. */
  maxWaiting: number
  /** Longest wait of each in the queue, in ms. */
  timeoutMs: number
  clock?: Clock
}

/** Takes a place on what others have a permit for; undefined when there is none. */
export type Join<Place> = () => Place | undefined

/** A function that gives the permit back, or a place without one. */
export type Admitted<Place> = { giveBack: () => void } | { place: Place }

export interface Admission<Place> {
  /**
   * Resolves with a function that gives the permit back; further calls of it do nothing.
   * Who gives up by the signal leaves the queue and takes no permit.
   */
  acquire(signal?: AbortSignal): Promise<() => void>
  /** The same for who takes a place as well when there is no permit. Nobody in the queue is overtaken. */
  acquireOrJoin(join: Join<Place>): Promise<Admitted<Place>>
  /** There may be places: those at the front of the queue who take one get it. */
  seat(): void
  /** Whoever has a permit got a client for it, so that the pool is full by what it has and not by what it waits for. */
  noteLent(): void
  /** Refuses all who wait and all who come later. */
  close(): void
  readonly waiting: number
  /**
   * How long callers have met a full pool without one permit coming back and none being lent a client for,
   * in ms; 0 when nobody has. It outlasts those who gave up, since the next one meets the same.
   */
  readonly blockedForMs: number
}

export function createAdmission<Place = never>({
  permits,
  maxWaiting,
  timeoutMs,
  clock = SYSTEM_CLOCK
}: AdmissionOptions): Admission<Place> {
  const queue = createQueue<Place | undefined, Join<Place>>({
    timeoutMs,
    onTimeout: () => new DatabaseFailure('exhausted'),
    clock
  })
  let free = permits
  let blockedSince: number | undefined
  let closed = false

  return {
    async acquire(signal) {
      if (closed) throw new DatabaseFailure('closed')
      if (signal?.aborted) throw failureOfAbort(signal)
      if (!takeFree()) await line(signal)
      return once(giveBack)
    },
    async acquireOrJoin(join) {
      if (closed) throw new DatabaseFailure('closed')
      if (takeFree()) return { giveBack: once(giveBack) }
      const place = (queue.size === 0 ? join() : undefined) ?? (await line(undefined, join))
      return place === undefined ? { giveBack: once(giveBack) } : { place }
    },
    seat() {
      for (let join = queue.first; join; join = queue.first) {
        const place = join()
        if (place === undefined) return
        queue.serve(place)
        blockedSince = queue.size > 0 ? clock.now() : undefined
      }
    },
    noteLent() {
      if (blockedSince !== undefined) blockedSince = clock.now()
    },
    close() {
      closed = true
      queue.refuseAll(() => new DatabaseFailure('closed'))
    },
    get waiting() {
      return queue.size
    },
    get blockedForMs() {
      return blockedSince === undefined ? 0 : clock.now() - blockedSince
    }
  }

  function takeFree(): boolean {
    if (free === 0) return false
    free -= 1
    return true
  }

  /** Resolves with a place, or with undefined for a permit. */
  async function line(signal?: AbortSignal, join?: Join<Place>): Promise<Place | undefined> {
    blockedSince ??= clock.now()
    if (queue.size >= maxWaiting) throw new DatabaseFailure('exhausted')
    return queue.wait(signal, join)
  }

  function giveBack() {
    // The permit passes on without becoming free, so nobody can overtake the queue.
    if (!queue.serve(undefined)) free += 1
    blockedSince = queue.size > 0 ? clock.now() : undefined
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
