/**
 * The clients that are out: each may be given back once, is judged when it comes back, and is
 * reported when it does not.
 */
import type { NeonClient } from './client.ts'
import { within } from './deadline.ts'
import { isOfValue } from './driver.ts'
import { isAnswerOfServer } from './failure.ts'

/** A client until its `release`, which may be called twice in a row; later it may be that of the next user. */
export type HeldClient = NeonClient & { release(doubt?: Error | boolean): void }

export interface LoansOptions {
  /** A client that is out for so long is reported, in ms. */
  holdWarningMs: number
  /** `place` is the stack of who took it. */
  onHeldLong: (place: string) => void
  /** `isClean` is false for a client in doubt. */
  onReturned: (client: NeonClient, isClean: boolean) => void
}

export interface Loan {
  client: NeonClient
  /** An error that was made where the client was taken. */
  place: Error
  giveBackPermit: () => void
}

export interface Loans {
  lend(loan: Loan): HeldClient
  has(client: NeonClient): boolean
  /** Resolves when nobody has a client any more, and after `timeoutMs` at the latest. */
  allReturned(timeoutMs: number): Promise<void>
  readonly size: number
}

// After an error the server sends ReadyForQuery at once; a second covers a slow link.
const SETTLE_TIMEOUT_MS = 1000

export function createLoans({ holdWarningMs, onHeldLong, onReturned }: LoansOptions): Loans {
  const held = new Set<NeonClient>()
  let onReturn = ignore

  return {
    lend({ client, place, giveBackPermit }) {
      const warning = setTimeout(() => onHeldLong(framesOf(place)), holdWarningMs).unref()
      let isLent = true
      held.add(client)
      return Object.assign(client, { release })

      function release(doubt?: Error | boolean) {
        if (!isLent) return
        isLent = false
        clearTimeout(warning)
        const isClean = isOutOfDoubt(doubt) && client.isClean(SETTLE_TIMEOUT_MS)
        if (typeof isClean === 'boolean') takeBack(isClean)
        else isClean.then(takeBack)
      }

      function takeBack(isClean: boolean) {
        held.delete(client)
        onReturned(client, isClean)
        // After the client, so that who gets the permit finds it, or its place, free.
        giveBackPermit()
        onReturn()
      }
    },
    has: client => held.has(client),
    allReturned: timeoutMs => within(timeoutMs, untilEmpty()),
    get size() {
      return held.size
    }
  }

  async function untilEmpty() {
    while (held.size > 0)
      await new Promise<void>(resolve => {
        onReturn = resolve
      })
  }
}

function ignore() {}

/** An error that the server answered leaves the connection usable: the driver's pool would throw it away. */
function isOutOfDoubt(doubt: Error | boolean | undefined) {
  // The driver passes null after a success.
  if (!doubt || isAnswerOfServer(doubt)) return true
  // Nothing was sent.
  return typeof doubt === 'object' && isOfValue(doubt)
}

function framesOf({ stack = '' }: Error): string {
  return stack.slice(stack.indexOf('\n') + 1)
}
