/**
 * A network that is slow, narrow or gone, for links that are there and for those that come.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { DRIVERS, endOf } from '../fixtures/drivers.ts'
import { openSockets, start, until, untilStill } from '../fixtures/sandbox.ts'

const LATENCY_MS = 60
/** Timers may fire a little before their time. */
const EARLY_MS = 2
/** Long enough for an answer on loopback that was not held back. */
const SILENCE_MS = 150
const MEGABYTE = 1024 * 1024
const PENDING = Symbol('pending')

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
const socketsBefore = openSockets()
t.afterEach(() => neon.clearFaults())

for (const { name, connect } of DRIVERS) {
  t.test(`the network of ${name}`, async t => {
    t.test('takes the latency of both ways for an answer', async t => {
      // A connection of a test before that ends meanwhile would meet the fault as well.
      await until('no other is there', () => openSockets() <= socketsBefore)
      const client = await connect(t, neon.url)
      const fault = neon.inject({ type: 'latency', toServerMs: LATENCY_MS, toClientMs: LATENCY_MS })

      t.ok((await msFor(() => client.query('SELECT 1'))) >= 2 * LATENCY_MS - EARLY_MS)
      t.equal(fault.hits, 1)
    })

    t.test('delays what comes at once by the latency of one, and not of all', async t => {
      const client = await connect(t, neon.url)
      neon.inject({ type: 'latency', toClientMs: 1, jitterMs: 5 })

      const rows = await Promise.all([1, 2, 3].map(n => client.query(`SELECT ${n} AS n`)))

      t.strictSame(
        rows.flatMap(answer => answer.rows),
        [{ n: 1 }, { n: 2 }, { n: 3 }]
      )
    })

    t.test('is slow for a link that comes, the login included', async t => {
      const fault = neon.inject({ type: 'latency', toServerMs: LATENCY_MS, connections: 'new' })

      t.ok((await msFor(() => connect(t, neon.url))) >= 2 * LATENCY_MS - EARLY_MS)
      t.equal(fault.hits, 1)
    })

    t.test('is no wider than it may be', async t => {
      const client = await connect(t, neon.url)
      neon.inject({ type: 'bandwidth', toClientBytesPerSecond: 200_000, connections: 'existing' })

      const answer = () => client.query("SELECT repeat('x', 20000)")

      t.ok((await msFor(answer)) >= 100 - EARLY_MS)
    })

    t.test('is narrow the other way as well', async t => {
      const client = await connect(t, neon.url)
      neon.inject({ type: 'bandwidth', toServerBytesPerSecond: 200_000 })

      const question = () => client.query('SELECT length($1)', ['x'.repeat(20_000)])

      t.ok((await msFor(question)) >= 100 - EARLY_MS)
    })

    t.test('swallows a question, which is asked when the hole is gone', async t => {
      const client = await connect(t, neon.url)
      const { queries } = neon.meter()
      const hole = neon.inject({ type: 'blackhole', direction: 'to-server' })

      const answer = client.query('SELECT 1 AS one')

      t.equal(await silence(answer), PENDING)
      t.equal(neon.meter().queries, queries)
      hole.remove()
      t.strictSame((await answer).rows, [{ one: 1 }])
    })

    t.test('swallows an answer, although the statement has run', async t => {
      const client = await connect(t, neon.url)
      const { queries } = neon.meter()
      const hole = neon.inject({ type: 'blackhole', direction: 'to-client' })

      const answer = client.query('SELECT 1 AS one')

      await until('the statement has come', () => neon.meter().queries > queries)
      t.equal(await silence(answer), PENDING)
      hole.remove()
      t.strictSame((await answer).rows, [{ one: 1 }])
    })

    t.test('says nothing of an end while it is gone', async t => {
      const client = await connect(t, neon.url)
      const ended = endOf(client)
      const hole = neon.inject({ type: 'blackhole', direction: 'both' })

      await neon.suspend()

      t.equal(await silence(ended), PENDING)
      hole.remove()
      await ended
    })

    t.test('does not let a new link in while it is gone', async t => {
      const hole = neon.inject({ type: 'blackhole', direction: 'both', connections: 'new' })
      const connected = connect(t, neon.url)

      t.equal(await silence(connected), PENDING)
      hole.remove()

      t.strictSame((await (await connected).query('SELECT 1 AS one')).rows, [{ one: 1 }])
    })
  })
}

t.test('a ping of a peer that answers at once', async t => {
  t.beforeEach(() => void neon.inject({ type: 'ping', answered: 'at-once' }))
  const socket = new WebSocket(`ws://127.0.0.1:${neon.port}/v2`)
  t.teardown(() => socket.terminate())
  await once(socket, 'open')

  t.test('is answered', async t => {
    socket.ping('there?')

    t.equal(String((await once(socket, 'pong'))[0]), 'there?')
  })

  for (const direction of ['to-server', 'to-client'] as const) {
    t.test(`is not answered while nothing goes ${direction}`, async t => {
      const hole = neon.inject({ type: 'blackhole', direction })
      const pong = once(socket, 'pong')

      socket.ping('there?')

      t.equal(await silence(pong), PENDING)
      hole.remove()
      t.equal(String((await pong)[0]), 'there?')
    })
  }
})

t.test('a peer that is gone without a word', async t => {
  t.test('neither answers nor closes, and comes back when the fault is over', async t => {
    const socket = new WebSocket(`ws://127.0.0.1:${neon.port}/v2`)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    neon.inject({ type: 'ping', answered: 'at-once' })
    const fault = neon.inject({ type: 'hang', forMs: 4 * SILENCE_MS })
    const pong = once(socket, 'pong')

    socket.ping('there?')

    t.equal(await silence(pong), PENDING)
    t.equal(socket.readyState, WebSocket.OPEN)
    t.equal(String((await pong)[0]), 'there?')
    t.equal(fault.hits, 1)
    t.notOk(neon.faults().some(({ id }) => id === fault.id))
  })

  t.test('reads nothing, so that what is sent to it piles up at the sender', async t => {
    const socket = new WebSocket(`ws://127.0.0.1:${neon.port}/v2`)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    neon.inject({ type: 'hang' })

    for (let sent = 0; sent < 16; sent += 1) socket.send(Buffer.alloc(MEGABYTE))
    await untilStill('nothing is read any more', () => socket.bufferedAmount)

    t.ok(socket.bufferedAmount > MEGABYTE, `${socket.bufferedAmount} bytes wait`)
    neon.clearFaults()
    // Zeros are no start-up packet.
    await once(socket, 'close')
  })

  t.test('lets no one in who comes while it is gone', async t => {
    neon.inject({ type: 'hang', connections: 'new' })
    const socket = new WebSocket(`ws://127.0.0.1:${neon.port}/v2`)
    t.teardown(() => socket.terminate())
    const opened = once(socket, 'open')

    t.equal(await silence(opened), PENDING)
    neon.clearFaults()

    await opened
  })
})

async function msFor(work: () => Promise<unknown>): Promise<number> {
  const begunMs = performance.now()
  await work()
  return performance.now() - begunMs
}

/** PENDING when nothing has come for a while: that nothing comes has no event. */
function silence(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise, sleep(SILENCE_MS, PENDING)])
}
