import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type LaneShape, OPEN_LANE } from '../../src/faults/lane.ts'
import { until, untilStill } from '../fixtures/sandbox.ts'
import { textOf, untilHeld, wired } from '../fixtures/wired.ts'

const LATE: LaneShape = { ...OPEN_LANE, latencyMs: 100 }
const BLOCKED: LaneShape = { ...OPEN_LANE, isBlocked: true }
const CHUNK_BYTES = 65_536
const SMALL_CHUNK_BYTES = 8_192
const FAR_MORE_THAN_BUFFERS = 64 * 1024 * 1024

t.test('a wire', async t => {
  t.test('passes bytes on in both directions', async t => {
    const { client, stream } = await wired(t)

    client.write('ask')
    t.equal(String((await once(stream, 'data'))[0]), 'ask')
    stream.cork()
    stream.write('ans')
    stream.write('wer')
    stream.uncork()
    t.equal(String((await once(client, 'data'))[0]), 'answer')
  })

  t.test('lets a client that has closed its side read the answer', async t => {
    const { client, stream } = await wired(t)

    client.end('question')
    t.equal(await textOf(stream), 'question')
    stream.end('answer')

    t.equal(await textOf(client), 'answer')
  })

  t.test('delivers late what the client says, its end last', async t => {
    const { client, stream, clock, shape } = await wired(t)
    shape(LATE, OPEN_LANE)
    const text = textOf(stream)
    client.end('question')
    await untilHeld(clock)

    await clock.advance(100)

    t.equal(await text, 'question')
  })

  t.test('delivers late what the client is told', async t => {
    const { client, stream, clock, shape } = await wired(t)
    shape(OPEN_LANE, LATE)
    const text = textOf(client)
    stream.end('answer')
    await untilHeld(clock)
    const readBefore = client.bytesRead

    await clock.advance(100)

    t.equal(await text, 'answer')
    t.equal(readBefore, 0)
  })

  t.test('sends all that is late before the end, although the socket has room in between', async t => {
    const { client, stream, clock, shape, received } = await wired(t)
    client.end()
    await once(stream.resume(), 'end')
    shape(OPEN_LANE, LATE)
    stream.write(Buffer.alloc(CHUNK_BYTES))
    await clock.advance(50)
    stream.end('the rest')
    await clock.advance(50)
    await until('the first piece is there', () => received() === CHUNK_BYTES)
    const ended = once(client, 'end')

    await clock.advance(50)

    await ended
    t.equal(received(), CHUNK_BYTES + 'the rest'.length)
  })

  t.test('sends what the kernel does not take yet before it goes', async t => {
    const { client, stream, socket, received } = await wired(t)
    client.end()
    await once(stream.resume(), 'end')
    client.pause()
    let sent = 0
    while (socket.writableLength === 0) {
      await write(stream, SMALL_CHUNK_BYTES)
      sent += SMALL_CHUNK_BYTES
    }

    stream.end()
    await setImmediate()
    received()
    client.resume()

    await once(client, 'end')
    t.equal(received(), sent)
  })
})

t.test('a wire holds back', async t => {
  t.test('a client while nobody reads', async t => {
    const { client, stream, passed } = await wired(t)

    const sent = flood(client)
    await untilStill('the client is held back', sent)
    const heldAt = sent()
    stream.resume()
    passed()

    await until('the client goes on', () => sent() > heldAt)
    t.ok(heldAt < FAR_MORE_THAN_BUFFERS, `held back after ${heldAt} bytes`)
  })

  t.test('a client while nothing passes, although somebody reads', async t => {
    const { client, shape, passed } = await wired(t)
    shape(BLOCKED, OPEN_LANE)
    const before = passed()

    const sent = flood(client)
    await untilStill('the client is held back', sent)
    const heldAt = sent()
    shape(OPEN_LANE, OPEN_LANE)

    await until('the client goes on', () => sent() > heldAt)
    t.equal(before, 0)
    t.ok(heldAt < FAR_MORE_THAN_BUFFERS, `held back after ${heldAt} bytes`)
  })

  t.test('the proxy while the client does not read', async t => {
    const { client, stream, received } = await wired(t)
    client.pause()

    const sent = flood(stream)
    await untilStill('the proxy is held back', sent)
    const heldAt = sent()
    received()
    client.resume()

    await until('the proxy goes on', () => sent() > heldAt)
    t.ok(heldAt < FAR_MORE_THAN_BUFFERS, `held back after ${heldAt} bytes`)
  })

  t.test('the proxy while nothing passes, although the client reads', async t => {
    const { stream, shape, received } = await wired(t)
    shape(OPEN_LANE, BLOCKED)
    const before = received()

    const sent = flood(stream)
    await untilStill('the proxy is held back', sent)
    const heldAt = sent()
    shape(OPEN_LANE, OPEN_LANE)

    await until('the proxy goes on', () => sent() > heldAt)
    t.equal(before, 0)
    t.ok(heldAt < FAR_MORE_THAN_BUFFERS, `held back after ${heldAt} bytes`)
  })
})

async function write(stream: Duplex, bytes: number): Promise<void> {
  await new Promise(resolve => stream.write(Buffer.alloc(bytes), resolve))
}

/** Writes as long as the stream takes it. Answers how much that is so far. */
function flood(stream: Duplex): () => number {
  let sent = 0
  const writeOn = () => {
    do sent += CHUNK_BYTES
    while (sent < FAR_MORE_THAN_BUFFERS && stream.write(Buffer.alloc(CHUNK_BYTES)))
  }
  stream.on('drain', writeOn)
  writeOn()
  return () => sent
}
