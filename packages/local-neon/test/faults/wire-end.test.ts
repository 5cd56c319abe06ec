/**
 * How a connection ends, for each of its sides, with a network between them that may be gone.
 */
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type LaneShape, OPEN_LANE } from '../../src/faults/lane.ts'
import { until } from '../fixtures/sandbox.ts'
import { textOf, untilHeld, wired } from '../fixtures/wired.ts'

const LATE: LaneShape = { ...OPEN_LANE, latencyMs: 100 }
const BLOCKED: LaneShape = { ...OPEN_LANE, isBlocked: true }
const MORE_THAN_BUFFERS = 16 * 1024 * 1024

t.test('the client is told of the end', async t => {
  t.test('when the proxy drops it', async t => {
    const { client, stream } = await wired(t)

    stream.destroy()

    await once(client.resume(), 'end')
    t.pass('told')
  })

  t.test('when something passes again, behind all that was sent before', async t => {
    const { client, socket, stream, shape } = await wired(t)
    shape(OPEN_LANE, BLOCKED)
    stream.write('held')
    stream.destroy()
    await once(stream, 'close')
    const wasDropped = socket.destroyed
    const text = textOf(client)

    shape(OPEN_LANE, OPEN_LANE)

    t.equal(await text, 'held')
    t.equal(wasDropped, false)
  })

  t.test('late, when what passes again is late', async t => {
    const { client, stream, shape, clock } = await wired(t)
    shape(OPEN_LANE, BLOCKED)
    stream.end('held')
    stream.destroy()
    await once(stream, 'close')
    const text = textOf(client)
    shape(OPEN_LANE, LATE)
    await untilHeld(clock)

    await clock.advance(100)

    t.equal(await text, 'held')
  })
})

t.test('the proxy is told of the end', async t => {
  t.test('when the client resets the connection', async t => {
    const { client, stream } = await wired(t)

    client.resetAndDestroy()

    await once(stream, 'close')
    t.equal(stream.readableEnded, false)
  })

  t.test('when something passes again, if nothing did at the reset', async t => {
    const { client, socket, stream, shape } = await wired(t)
    shape(BLOCKED, OPEN_LANE)
    stream.resume()
    client.resetAndDestroy()
    await until('the reset has come', () => socket.closed)
    const wasTold = stream.destroyed || stream.readableEnded

    shape(OPEN_LANE, OPEN_LANE)

    await once(stream, 'end')
    t.equal(wasTold, false)
  })

  t.test('after the latency', async t => {
    const { client, stream, shape, clock } = await wired(t)
    shape(LATE, OPEN_LANE)
    const ended = once(stream.resume(), 'end')
    client.end()
    await untilHeld(clock)
    const wasTold = stream.readableEnded

    await clock.advance(100)

    await ended
    t.equal(wasTold, false)
  })

  t.test('by its own end, when the socket is closed under it', async t => {
    const { socket, stream } = await wired(t)

    socket.destroy()
    await once(stream.resume(), 'end')
    stream.end('to nobody')

    await once(stream, 'close')
    t.equal(stream.writableFinished, true)
  })

  t.test('while it waits for a client that does not read', async t => {
    const { client, socket, stream } = await wired(t)
    client.pause()
    stream.write(Buffer.alloc(MORE_THAN_BUFFERS))
    await until('the socket is full', () => socket.writableNeedDrain)
    const ended = once(stream.resume(), 'end')

    socket.destroy()

    await ended
    stream.end('to nobody')
    await once(stream, 'close')
    t.equal(stream.writableFinished, true)
  })

  t.test('while it waits for something to pass', async t => {
    const { socket, stream, shape } = await wired(t)
    shape(OPEN_LANE, BLOCKED)
    stream.resume()
    stream.end('held')
    await setImmediate()

    socket.destroy()

    await once(stream, 'close')
    t.equal(stream.readableEnded, true)
  })
})
