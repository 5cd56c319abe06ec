/**
 * Connections that several flights use at once, when the pool has no free one: each flight is whole in itself, so
 * the next may be on its way before it is answered. A connection whose statement takes long takes no more of them.
 */
import { type Clock, SYSTEM_CLOCK } from './clock.ts'

export interface SharingOptions<Client> {
  /** Most flights on one connection at once. */
  depth: number
  /** Whether flights may still be sent on it. */
  isUsable: (client: Client) => boolean
  clock?: Clock
}

export interface Shared<Client> {
  readonly client: Client
  /** Flights that are on their way. */
  readonly flights: number
}

export interface Sharing<Client> {
  /** Lets others share a client, which has its first flight now. */
  open(client: Client): Shared<Client>
  /** A place on the connection with the fewest flights; undefined when all are full or slow. */
  join(): Shared<Client> | undefined
  /** No more flights than there are on it now. */
  close(shared: Shared<Client>): void
  /** A flight has ended. */
  leave(shared: Shared<Client>): Left
}

export interface Left {
  /** It was the last one, and the client is nobody's any more. */
  isLast: boolean
  /** Others would have waited long behind it. */
  wasSlow: boolean
}

// Longer than most statements take, and short beside any deadline.
const SLOW_MS = 50

// Each connection comes back to the pool now and then, however many use it.
const LONGEST_MS = 10_000

// So that a slow link does not count as a slow statement.
const FACTOR_OF_FASTEST = 2

interface Entry<Client> extends Shared<Client> {
  flights: number
  isClosed: boolean
  openedAt: number
  /** When the statement began that is being answered. */
  since: number
}

export function createSharing<Client>({
  depth,
  isUsable,
  clock = SYSTEM_CLOCK
}: SharingOptions<Client>): Sharing<Client> {
  const entries = new Map<Shared<Client>, Entry<Client>>()
  let fastestMs = Number.POSITIVE_INFINITY

  return {
    open(client) {
      const openedAt = clock.now()
      const entry = { client, flights: 1, isClosed: false, openedAt, since: openedAt }
      entries.set(entry, entry)
      return entry
    },
    join() {
      let best: Entry<Client> | undefined
      for (const entry of entries.values())
        if (hasRoom(entry) && entry.flights < (best?.flights ?? depth)) best = entry
      if (best) best.flights += 1
      return best
    },
    close(shared) {
      const entry = entries.get(shared)
      if (entry) entry.isClosed = true
    },
    leave(shared) {
      const entry = entries.get(shared)
      if (entry === undefined) return { isLast: false, wasSlow: false }
      const now = clock.now()
      const tookMs = now - entry.since
      const wasSlow = tookMs >= slowMs()
      fastestMs = Math.min(fastestMs, tookMs)
      entry.since = now
      entry.flights -= 1
      if (entry.flights === 0) entries.delete(shared)
      return { isLast: entry.flights === 0, wasSlow }
    }
  }

  function hasRoom(entry: Entry<Client>): boolean {
    const now = clock.now()
    const isInTime = now - entry.openedAt < LONGEST_MS && now - entry.since < slowMs()
    return !entry.isClosed && isInTime && isUsable(entry.client)
  }

  function slowMs(): number {
    return SLOW_MS + (fastestMs === Number.POSITIVE_INFINITY ? 0 : FACTOR_OF_FASTEST * fastestMs)
  }
}
