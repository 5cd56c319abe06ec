import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  authentication,
  errorFields,
  int32,
  message,
  proxyError,
  readMessage,
  readStartupPacket,
  startupPacket
} from '../../src/protocol/messages.ts'

const GONE = { name: 'ProtocolError', message: 'the peer has gone' }

t.test('a message', async t => {
  t.test('is read as it was written, in whatever pieces it comes', async t => {
    const stream = open(t)
    const read = readMessage(stream)

    for (const byte of message(0x70, 'secret\0')) {
      stream.write(Buffer.from([byte]))
      await setImmediate()
    }

    t.strictSame(await read, { type: 0x70, body: Buffer.from('secret\0') })
  })

  t.test('leaves what comes behind it in the stream', async t => {
    const stream = open(t)
    stream.write(Buffer.concat([message(0x70, 'a'), message(0x53), Buffer.from('rest')]))

    const read = [await readMessage(stream), await readMessage(stream)]

    t.strictSame(read, [
      { type: 0x70, body: Buffer.from('a') },
      { type: 0x53, body: Buffer.alloc(0) }
    ])
    t.equal(String(stream.read()), 'rest')
  })

  t.test('may have as many bytes as are taken, and not one more', async t => {
    const stream = open(t)
    stream.write(Buffer.concat([message(0x70, 'x'.repeat(512)), message(0x70, 'x'.repeat(513))]))

    t.equal((await readMessage(stream)).body.length, 512)
    await t.rejects(readMessage(stream), { name: 'UnexpectedMessageError', message: /of that length/ })
  })

  t.test('is larger where that is allowed', async t => {
    const stream = open(t)
    stream.write(message(0x70, 'x'.repeat(100_000)))

    t.equal((await readMessage(stream, 100_000)).body.length, 100_000)
  })

  t.test('is refused with a length below that of its head', async t => {
    const stream = open(t)
    stream.write(Buffer.from([0x70, 0, 0, 0, 3]))

    await t.rejects(readMessage(stream), { name: 'UnexpectedMessageError' })
  })

  t.test('is not waited for when the peer has said its last', async t => {
    const stream = open(t)
    stream.end()

    await t.rejects(readMessage(stream), GONE)
    await t.rejects(readMessage(stream), GONE)
  })

  t.test('is not waited for when it is cut off by the end', async t => {
    const stream = open(t)
    const read = readMessage(stream)

    stream.end(message(0x70, 'secret').subarray(0, 8))

    await t.rejects(read, GONE)
  })

  t.test('is not waited for when the stream is destroyed', async t => {
    const stream = open(t)
    const read = readMessage(stream)

    stream.destroy()

    await t.rejects(read, GONE)
  })

  t.test('is not waited for when the stream breaks', async t => {
    const stream = open(t)
    stream.on('error', () => {})
    const read = readMessage(stream)

    stream.destroy(new Error('broken'))

    await t.rejects(read, GONE)
    await t.rejects(readMessage(stream), GONE)
  })

  t.test('leaves no listener behind', async t => {
    const stream = open(t)
    const before = stream.eventNames()
    const read = readMessage(stream)
    stream.write(message(0x70, 'a'))

    await read

    t.strictSame(stream.eventNames(), before)
  })
})

t.test('a start-up packet', async t => {
  t.test('is read as it was written, in whatever pieces it comes', async t => {
    const stream = open(t)
    const packet = startupPacket([['user', 'alex']])
    const read = readStartupPacket(stream)

    stream.write(packet.subarray(0, 3))
    await setImmediate()
    stream.write(packet.subarray(3, 9))
    await setImmediate()
    stream.write(packet.subarray(9))

    t.strictSame(await read, packet)
  })

  for (const length of [0, 7, 10_001, 0xff_ff_ff_ff]) {
    t.test(`is refused with a length of ${length}`, async t => {
      const stream = open(t)
      const head = Buffer.alloc(8)
      head.writeUInt32BE(length)
      stream.write(head)

      await t.rejects(readStartupPacket(stream), { name: 'ProtocolError', message: /of that length/ })
    })
  }

  t.test('may have as many bytes as Postgres takes', async t => {
    const stream = open(t)
    stream.write(Buffer.concat([int32(10_000), Buffer.alloc(9_996)]))

    t.equal((await readStartupPacket(stream)).length, 10_000)
  })

  t.test('has the version 3.0 and its parameters', async t => {
    t.strictSame(
      startupPacket(new Map([['user', 'ä']])),
      Buffer.concat([int32(17), int32(0x00_03_00_00), Buffer.from('user\0ä\0\0')])
    )
  })
})

t.test('an error', async t => {
  t.test('of the proxy is XX000 with the text', async t => {
    const written = proxyError('no such endpoint')

    t.equal(written.toString('latin1', 0, 1), 'E')
    t.strictSame(Object.fromEntries(errorFields(written.subarray(5))), {
      S: 'ERROR',
      C: 'XX000',
      M: 'no such endpoint'
    })
  })

  t.test('without fields has none', async t => {
    t.equal(errorFields(Buffer.from('\0')).size, 0)
  })
})

t.test('an authentication request has its code and what belongs to it', async t => {
  t.strictSame(
    authentication(10, 'SCRAM-SHA-256\0\0'),
    message(0x52, int32(10), Buffer.from('SCRAM-SHA-256\0\0'))
  )
})

function open(t: Test): PassThrough {
  const stream = new PassThrough()
  t.teardown(() => stream.destroy())
  return stream
}
