/**
 * Connections that several pipelines use at once, when the pool has no free one: each pipeline is whole in itself, so
 * the next may be on its way before it is answered. A connection whose statement takes long on the server, however
 * far away that is, takes no more of them.
 */
import { type Clock, SYSTEM_CLOCK } from '../runtime/clock.ts'
import { createRoundTrip } from './round-trip.ts'

/** What is known of a connection's way. */
export interface OnTheWay {
  /** How long the other end took to answer what was no work, in ms; 0 while nothing is known. */
  readonly upgradeMs: number
}

export interface MultiplexingOptions<Client> {
  /** Most pipelines on one connection at once. */
  depth: number
  /** Whether pipelines may still be sent on it. */
  isUsable: (client: Client) => boolean
  clock?: Clock
}

/** Of one pipeline. */
export class Place<Client> {
  readonly connection: Connection<Client>
  readonly sentAt: number
  hasLeft = false

  constructor(connection: Connection<Client>, sentAt: number) {
    this.connection = connection
    this.sentAt = sentAt
  }

  get client(): Client {
    return this.connection.client
  }

  /** Pipelines that are on their way on its connection, with this one. */
  get pipelines(): number {
    return this.connection.places.length
  }
}

interface Connection<Client> {
  client: Client
  /** In the order of their answers. */
  places: Place<Client>[]
  isClosed: boolean
  openedAt: number
  /** When the last answer came. */
  answeredAt: number
}

export interface Multiplexing<Client> {
  /** Lets others share a client, which has its first pipeline now. */
  open(client: Client): Place<Client>
  /** A place on the connection with the fewest pipelines; undefined when all are full or slow. */
  join(): Place<Client> | undefined
  /** No more pipelines than there are on its connection now. */
  close(place: Place<Client>): void
  /** A pipeline has ended. `isAnswered` says that the server has answered all of it. */
  leave(place: Place<Client>, isAnswered: boolean): Left
  /** The other end of a client's connection took so long for an answer that it did not have to work for. */
  noteRoundTrip(tookMs: number): void
}

export interface Left {
  /** It was the last one, and the client is nobody's any more. */
  isLast: boolean
  /** Others would have waited long behind it. Undefined when it was not its turn yet. */
  wasSlow: boolean | undefined
}

// Longer than most statements take on the server, and short beside any deadline.
const SLOW_MS = 50

// Each connection comes back to the pool now and then, however many use it.
const LONGEST_MS = 10_000

export function createMultiplexing<Client extends OnTheWay>({
  depth,
  isUsable,
  clock = SYSTEM_CLOCK
}: MultiplexingOptions<Client>): Multiplexing<Client> {
  const connections = new Set<Connection<Client>>()
  const roundTrip = createRoundTrip(clock)

  return {
    open(client) {
      const now = clock.now()
      const connection = { client, places: [], isClosed: false, openedAt: now, answeredAt: now }
      connections.add(connection)
      return placeOn(connection)
    },
    join() {
      let best: Connection<Client> | undefined
      for (const connection of connections)
        if (connection.places.length < (best?.places.length ?? depth) && hasRoom(connection))
          best = connection
      return best && placeOn(best)
    },
    close(place) {
      place.connection.isClosed = true
    },
    leave,
    noteRoundTrip: roundTrip.note
  }

  function placeOn(connection: Connection<Client>): Place<Client> {
    const place = new Place(connection, clock.now())
    connection.places.push(place)
    return place
  }

  function leave(place: Place<Client>, isAnswered: boolean): Left {
    if (place.hasLeft) return { isLast: false, wasSlow: undefined }
    place.hasLeft = true
    const { connection } = place
    const { places } = connection
    const index = places.indexOf(place)
    if (index === 0) places.shift()
    else places.splice(index, 1)
    const isLast = places.length === 0
    if (isLast) connections.delete(connection)
    const now = clock.now()
    if (isAnswered) roundTrip.note(now - place.sentAt)
    if (index > 0) return { isLast, wasSlow: undefined }
    const wasSlow = isSlow(place, connection)
    connection.answeredAt = now
    return { isLast, wasSlow }
  }

  function hasRoom(connection: Connection<Client>): boolean {
    const [first] = connection.places
    const isInTime = clock.now() - connection.openedAt < LONGEST_MS && !(first && isSlow(first, connection))
    return !connection.isClosed && isInTime && isUsable(connection.client)
  }

  /** By the time that the server has been at it: since it had arrived there, and the one before was done. */
  function isSlow({ sentAt }: Place<Client>, { answeredAt, client }: Connection<Client>): boolean {
    // Where all statements are slow the shortest answer is one of theirs, and no way.
    const wayMs = Math.min(roundTrip.ms, client.upgradeMs || Number.POSITIVE_INFINITY)
    const since = Math.max(sentAt + wayMs, answeredAt)
    // Another round trip for what the connection lost and had to send again.
    return clock.now() - since >= SLOW_MS + wayMs
  }
}
