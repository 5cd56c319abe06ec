/**
 * A process with the relay that everybody goes through: bytes as they are, in order, each half of a round
 * trip later, at any rate. One port for each length of the round trip; TCP's own handshake takes one as well.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { takeOrders } from '../process/orders.ts'
import { createWireCount, type WireCount } from './wire.ts'

export interface RelaySettings {
  /** Where Postgres is: of the local Neon. */
  port: number
  /** Lengths of the added round trip, in ms. */
  roundTripsMs: readonly number[]
}

export interface RelayReady {
  /** By the length of the round trip. */
  ports: Record<number, number>
}

export type RelayOrder = { type: 'forget' } | { type: 'count' }

/** Of the connections since they were forgotten. */
export interface RelayCount {
  connections: number
  /** Of the one with the most. */
  roundTrips: number
}

/** Timers of Node.js may be early by less than that. */
const EARLY_MS = 0.5

const settings: RelaySettings = JSON.parse(process.argv[2] ?? '{}')
let counts: WireCount[] = []
const servers = await Promise.all(settings.roundTripsMs.map(open))
const ports = Object.fromEntries(servers.map(({ roundTripMs, port }) => [roundTripMs, port]))
const ready: RelayReady = { ports }

takeOrders(ready, close, carryOut)

async function close() {
  for (const server of servers) server.close()
}

async function carryOut({ type }: RelayOrder): Promise<RelayCount> {
  const result = { connections: counts.length, roundTrips: Math.max(0, ...counts.map(at => at.roundTrips)) }
  if (type === 'forget') counts = []
  return result
}

async function open(roundTripMs: number) {
  const server = createServer({ noDelay: true }, client => {
    const postgres = connect({ host: '127.0.0.1', port: settings.port, noDelay: true })
    client.on('error', () => postgres.destroy())
    postgres.on('error', () => client.destroy())
    if (roundTripMs === 0) {
      client.pipe(postgres)
      postgres.pipe(client)
    } else delayBoth(client, postgres, roundTripMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { roundTripMs, port, close: () => server.close() }
}

function delayBoth(client: Socket, postgres: Socket, roundTripMs: number) {
  const count = createWireCount()
  counts.push(count)
  const onceOpenMs = performance.now() + roundTripMs
  const later = createDelay(roundTripMs / 2)
  const laterBack = createDelay(roundTripMs / 2)
  client.on('data', bytes => {
    count.fromClient()
    later(onceOpenMs, () => postgres.write(bytes))
  })
  client.on('end', () => later(onceOpenMs, () => postgres.end()))
  postgres.on('data', bytes =>
    laterBack(0, () => {
      count.toClient()
      client.write(bytes)
    })
  )
  postgres.on('end', () => laterBack(0, () => client.end()))
  client.on('close', () => postgres.destroy())
}

/** Calls back in the order of the calls, so long after each, and after a given moment. */
function createDelay(delayMs: number): (leastMs: number, callback: () => void) => void {
  const queue: { dueMs: number; callback: () => void }[] = []
  let isTimed = false

  return (leastMs, callback) => {
    queue.push({ dueMs: Math.max(performance.now(), leastMs) + delayMs, callback })
    if (!isTimed) wait(delayMs)
  }

  function wait(ms: number) {
    isTimed = true
    setTimeout(flush, ms)
  }

  function flush() {
    isTimed = false
    const nowMs = performance.now() + EARLY_MS
    let due = 0
    while ((queue[due]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) due += 1
    for (const { callback } of queue.splice(0, due)) callback()
    const [next] = queue
    if (next) wait(Math.max(1, next.dueMs - performance.now()))
  }
}
