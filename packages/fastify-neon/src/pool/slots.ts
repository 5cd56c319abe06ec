/**
 * Who may hold a client: as many slots as the pool has clients, and a bounded queue with a deadline in front of them,
 * in which the users take turns. What would not get its turn in time is refused at once.
 */

import { type Abortable, failureOfAbort } from '../errors/abort.ts'
import { DatabaseFailure } from '../errors/failure.ts'
import { type Clock, SYSTEM_CLOCK } from '../runtime/clock.ts'
import { createWaitQueue, type Ticket } from './wait-queue.ts'

export interface SlotsOptions {
  capacity: number
  /** Longest queue; who comes after is refused at once. */
  maxWaiting: number
  /** Longest wait of each in the queue, in ms. */
  timeoutMs: number
  clock?: Clock
}

/** Takes a place on what others have a slot for; undefined when there is none. */
export type Join<Place> = () => Place | undefined

/** A function that gives the slot back, or a place without one. */
export type Admitted<Place> = { giveBack: () => void } | { place: Place }

export interface Slots<Place> {
  /**
   * Resolves with a function that gives the slot back; further calls of it do nothing.
   * Who gives up by the signal leaves the queue and takes no slot.
   */
  acquire(signal?: Abortable, share?: string): Promise<() => void>
  /** The same without a wait; undefined where there is no free slot for this share, and when closed. */
  acquireNow(share?: string): (() => void) | undefined
  /** A place without a wait. Nobody in the queue is overtaken. */
  joinNow(join: Join<Place>): Place | undefined
  /** As `acquire` for who takes a place as well when there is no slot. */
  acquireOrJoin(join: Join<Place>, share?: string): Promise<Admitted<Place>>
  /** There may be places: those whose turn it is and who take one get it. */
  take(): void
  /** Whoever has a slot got a client for it, so that the pool is full by what it has and not by what it waits for. */
  noteCheckout(): void
  /** Refuses all who wait and all who come later. */
  close(): void
  readonly waiting: number
  /** Somebody who comes now would be refused, also when nobody of his share waits. */
  readonly isOverloaded: boolean
  /**
   * How long callers have met a full pool without one slot coming back and no client being checked out for one,
   * in ms; 0 when nobody has. It outlasts those who gave up, since the next one meets the same.
   */
  readonly blockedForMs: number
}

// A share that has four times as many slots as are free gets no more, so that statements that take long, however many
// a user sends, leave one to others: of ten, a user has at most eight, and two have nine.
const MOST_PER_FREE_SLOT = 4

// A turn comes in bursts, as answers do; the mean of about so many says how long one takes.
const TURNS_OF_MEAN = 64
// What is longer is a wake or a lost connection, and says nothing of the turns behind it.
const LONGEST_TURN_MS = 250

const NEWCOMER = ''

export function createSlots<Place = never>({
  capacity,
  maxWaiting,
  timeoutMs,
  clock = SYSTEM_CLOCK
}: SlotsOptions): Slots<Place> {
  const queue = createWaitQueue<Place | undefined, Join<Place>>({
    timeoutMs,
    onTimeout: () => new DatabaseFailure('exhausted'),
    clock
  })
  /** By share, of those that are not free. Who has no share has no limit. */
  const held = new Map<string, number>()
  let free = capacity
  let blockedSince: number | undefined
  let turnedAt = 0
  let turnMs = 0
  let closed = false

  return {
    async acquire(signal, share) {
      if (closed) throw new DatabaseFailure('closed')
      if (signal?.aborted) throw failureOfAbort(signal)
      if (!takeFree(share)) await line(signal, { share })
      return once(() => giveBack(share))
    },
    acquireNow,
    joinNow,
    // Each queued statement comes here, so nothing is awaited, which would make a promise more.
    acquireOrJoin(join, share) {
      if (closed) return Promise.reject(new DatabaseFailure('closed'))
      const taken = acquireNow(share)
      if (taken) return Promise.resolve({ giveBack: taken })
      const place = joinNow(join)
      if (place !== undefined) return Promise.resolve({ place })
      return line(undefined, { mark: join, share }).then(served =>
        served === undefined ? { giveBack: once(() => giveBack(share)) } : { place: served }
      )
    },
    take() {
      // Who needs a slot is not overtaken, unless the next one would not be his.
      const isNext = ({ mark, share }: Ticket<Join<Place>>) => mark !== undefined || mayHold(share, free + 1)
      for (let next = queue.next(isNext); next; next = queue.next(isNext)) {
        const place = next.mark?.()
        if (place === undefined) return
        noteTurn()
        next.serve(place)
        blockedSince = queue.size > 0 ? clock.now() : undefined
      }
    },
    noteCheckout() {
      if (blockedSince !== undefined) blockedSince = clock.now()
    },
    close() {
      closed = true
      queue.refuseAll(() => new DatabaseFailure('closed'))
    },
    get waiting() {
      return queue.size
    },
    get isOverloaded() {
      return free === 0 && !mayWait(NEWCOMER)
    },
    get blockedForMs() {
      return blockedSince === undefined ? 0 : clock.now() - blockedSince
    }
  }

  function acquireNow(share: string | undefined) {
    return closed || !takeFree(share) ? undefined : once(() => giveBack(share))
  }

  function joinNow(join: Join<Place>): Place | undefined {
    return queue.size === 0 && !closed ? join() : undefined
  }

  function takeFree(share: string | undefined): boolean {
    // With a free slot all who wait have as many as they may.
    if (!mayHold(share, free)) return false
    hold(share)
    return true
  }

  function mayHold(share: string | undefined, free: number): boolean {
    return free > 0 && (share === undefined || heldBy(share) < MOST_PER_FREE_SLOT * free)
  }

  function heldBy(share: string): number {
    return held.get(share) ?? 0
  }

  function hold(share: string | undefined) {
    free -= 1
    if (share !== undefined) held.set(share, heldBy(share) + 1)
  }

  /** Resolves with a place, or with undefined for a slot. */
  function line(signal: Abortable | undefined, ticket: Ticket<Join<Place>>): Promise<Place | undefined> {
    blockedSince ??= clock.now()
    if (!mayWait(ticket.share)) return Promise.reject(new DatabaseFailure('exhausted'))
    if (queue.size === 0) turnedAt = clock.now()
    return queue.wait(signal, ticket)
  }

  /** A share has at most as much of the queue as it leaves to others, and nobody waits for a turn that comes too late. */
  function mayWait(share: string | undefined): boolean {
    const own = queue.sizeOf(share)
    const room = maxWaiting - queue.size
    const turnsBefore = Math.min(queue.size, (own + 1) * queue.shares)
    return room > (share === undefined ? 0 : own) && turnsBefore * turnMs <= timeoutMs
  }

  function noteTurn() {
    const now = clock.now()
    turnMs += (Math.min(now - turnedAt, LONGEST_TURN_MS) - turnMs) / TURNS_OF_MEAN
    turnedAt = now
  }

  function giveBack(share: string | undefined) {
    free += 1
    if (share !== undefined && heldBy(share) > 1) held.set(share, heldBy(share) - 1)
    else if (share !== undefined) held.delete(share)
    const isNext = ({ share }: Ticket<Join<Place>>) => mayHold(share, free)
    for (let next = queue.next(isNext); next; next = queue.next(isNext)) {
      // It passes on without becoming free, so nobody can overtake the queue.
      hold(next.share)
      noteTurn()
      next.serve(undefined)
    }
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
