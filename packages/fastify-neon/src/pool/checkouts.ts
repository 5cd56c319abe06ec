/**
 * The clients that are out: each may be given back once, is judged when it comes back, and is
 * reported when it does not.
 */
import type { NeonClient } from '../client/client.ts'
import { isServerResponse } from '../errors/failure.ts'
import { isOfValue } from '../errors/value-error.ts'
import { within } from '../runtime/deadline.ts'

/** A client until its `release`, which may be called twice in a row; later it may be that of the next user. */
export type CheckedOutClient = NeonClient & {
  release(doubt?: Error | boolean): void
  /** As pg's, which has been connected before: rejects. */
  connect(): Promise<never>
}

export interface CheckoutsOptions {
  /** A client that is out for so long is reported, in ms. */
  checkoutWarningMs: number
  /** `place` is the stack of who took it. */
  onLongCheckout: (place: string) => void
  /** `isClean` is false for a client in doubt. */
  onReturned: (client: NeonClient, isClean: boolean) => void
}

export interface Checkout {
  client: NeonClient
  place: TakenAt
  releaseSlot: () => void
}

/** An error that was made where a client was taken; or, for one that this package gives back itself, a word for that. */
export type TakenAt = Error | string

interface Entry {
  place: TakenAt
  takenAt: number
  isReported: boolean
}

export interface Checkouts {
  checkOut(checkout: Checkout): CheckedOutClient
  has(client: NeonClient): boolean
  /** Resolves when nobody has a client any more, and after `timeoutMs` at the latest. */
  allReturned(timeoutMs: number): Promise<void>
  readonly size: number
}

// After an error the server sends ReadyForQuery at once; a second covers a slow connection.
const SETTLE_TIMEOUT_MS = 1000

export function createCheckouts({
  checkoutWarningMs: holdWarningMs,
  onLongCheckout: onHeldLong,
  onReturned
}: CheckoutsOptions): Checkouts {
  /** In the order in which they were taken. */
  const checkedOut = new Map<NeonClient, Entry>()
  let isWatching = false
  let onReturn = ignore

  return {
    checkOut({ client, place, releaseSlot: giveBackSlot }) {
      let isLent = true
      checkedOut.set(client, { place, takenAt: performance.now(), isReported: false })
      if (!isWatching) watch(holdWarningMs)
      return Object.assign(client, { release, connect: refuseConnect })

      function release(doubt?: Error | boolean) {
        if (!isLent) return
        isLent = false
        client.noteReturned()
        const isClean = isOutOfDoubt(doubt) && client.isClean(SETTLE_TIMEOUT_MS)
        if (typeof isClean === 'boolean') takeBack(isClean)
        else isClean.then(takeBack)
      }

      function takeBack(isClean: boolean) {
        checkedOut.delete(client)
        onReturned(client, isClean)
        // After the client, so that who gets the slot finds it, or its place, free.
        giveBackSlot()
        onReturn()
      }
    },
    has: client => checkedOut.has(client),
    allReturned: timeoutMs => within(timeoutMs, untilEmpty()),
    get size() {
      return checkedOut.size
    }
  }

  /** One timer for all, which costs a checkout nothing. */
  function watch(ms: number) {
    isWatching = true
    setTimeout(reportLong, ms).unref()
  }

  function reportLong() {
    isWatching = false
    const now = performance.now()
    for (const entry of checkedOut.values()) {
      if (entry.isReported) continue
      const leftMs = entry.takenAt + holdWarningMs - now
      if (leftMs > 0) return watch(leftMs)
      entry.isReported = true
      onHeldLong(framesOf(entry.place))
    }
  }

  async function untilEmpty() {
    while (checkedOut.size > 0)
      await new Promise<void>(resolve => {
        onReturn = resolve
      })
  }
}

function ignore() {}

async function refuseConnect(): Promise<never> {
  throw new Error('a client of the pool is connected already')
}

/** An error that the server answered leaves the connection usable: the driver's pool would throw it away. */
function isOutOfDoubt(doubt: Error | boolean | undefined) {
  // The driver passes null after a success.
  if (!doubt || isServerResponse(doubt)) return true
  // Nothing was sent.
  return typeof doubt === 'object' && isOfValue(doubt)
}

function framesOf(place: TakenAt): string {
  if (typeof place === 'string') return place
  const { stack = '' } = place
  return stack.slice(stack.indexOf('\n') + 1)
}
