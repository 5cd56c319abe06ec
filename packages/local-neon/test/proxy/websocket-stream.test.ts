import { once } from 'node:events'
import { createServer } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createWebSocketStream, type PongsWhen } from '../../src/proxy/websocket-stream.ts'

t.test('WebSocket stream', async t => {
  t.test('sends what has piled up as one binary frame', async t => {
    const { stream, peer } = await pair(t)
    const message = once(peer, 'message')

    stream.cork()
    for (const part of ['one', 'two', 'three']) stream.write(part)
    stream.uncork()

    const [data, isBinary] = await message
    t.strictSame([String(data), isBinary], ['onetwothree', true])
  })

  t.test('closes when the WebSocket has, after what came has been read', async t => {
    const { stream, peer } = await pair(t)
    peer.send('last', { binary: true })
    peer.terminate()

    const [last] = await once(stream, 'data')
    await once(stream.resume(), 'close')

    t.equal(String(last), 'last')
    t.equal(stream.writable, false)
  })

  t.test('fails to write while the WebSocket is closing', async t => {
    const { stream, peer, socket } = await pair(t)
    socket.close()
    const failed = once(stream, 'error')

    stream.write('late')

    t.match(await failed, [{ message: /not open/ }])
    t.equal(stream.destroyed, true)
    await once(peer, 'close')
  })

  t.test('breaks the WebSocket off when it is destroyed', async t => {
    const { stream, peer } = await pair(t)

    stream.destroy()

    t.strictSame((await once(peer, 'close'))[0], 1006)
  })

  t.test('drops what comes after its own end', async t => {
    const { stream, peer } = await pair(t)
    const received: unknown[] = []
    stream.on('data', data => received.push(data))

    stream.end()
    peer.send('late', { binary: true })

    await once(stream, 'close')
    t.strictSame(received, [])
  })

  t.test('cuts what it sends into frames of 1,024 bytes, whose rest is a frame of its own', async t => {
    const { stream, peer } = await pair(t)
    const frames: Buffer[] = []
    peer.on('message', (data: Buffer) => frames.push(data))
    const sent = Buffer.from(Array.from({ length: 3 * 1024 + 126 }, (_, at) => at % 251))

    stream.write(sent)
    stream.write(Buffer.alloc(125))
    stream.end()

    await once(peer, 'close')
    t.strictSame(
      frames.map(({ length }) => length),
      [1024, 1024, 1024, 126, 125]
    )
    t.ok(Buffer.concat(frames).equals(Buffer.concat([sent, Buffer.alloc(125)])))
  })

  t.test('keeps a pong until it sends something, and then sends it first', async t => {
    const { stream, peer, pinged } = await pair(t)
    const heard: string[] = []
    peer.on('pong', payload => heard.push(`pong ${payload}`))
    peer.on('message', data => heard.push(String(data)))
    peer.ping('one')
    peer.ping('two')
    await pinged()
    await setImmediate()
    t.strictSame(heard, [])

    stream.write('answer')
    stream.end()

    await once(peer, 'close')
    t.strictSame(heard, ['pong one', 'pong two', 'answer'])
  })

  t.test('keeps the newest hundred pongs for a client that asks without end', async t => {
    const { stream, peer } = await pair(t)
    const heard: string[] = []
    peer.on('pong', payload => heard.push(String(payload)))
    for (let asked = 0; asked <= 100; asked += 1) peer.ping(String(asked))
    peer.send('seen', { binary: true })
    await once(stream, 'data')

    stream.write('answer')
    stream.end()

    await once(peer, 'close')
    t.equal(heard.length, 100)
    t.strictSame([heard[0], heard.at(-1)], ['1', '100'])
  })

  t.test('answers a ping at once, or never, when it is told to', async t => {
    const prompt = await pair(t, { pongsWhen: 'at-once' })
    prompt.peer.ping('there?')
    t.equal(String((await once(prompt.peer, 'pong'))[0]), 'there?')

    const silent = await pair(t, { pongsWhen: 'never' })
    silent.peer.on('pong', () => t.fail('answered'))
    silent.peer.ping('there?')
    await silent.pinged()
    silent.stream.end('answer')
    await once(silent.peer, 'close')
  })

  t.test('is broken off behind its last words, without a close frame', async t => {
    const { breakOff, stream, peer } = await pair(t)
    const message = once(peer, 'message')

    breakOff(Buffer.from('refused'))

    t.equal(String((await message)[0]), 'refused')
    t.strictSame((await once(peer, 'close'))[0], 1006)
    await once(stream.resume(), 'close')
  })
})

/** A stream and the WebSocket at its other end. */
async function pair(t: Test, { pongsWhen }: { pongsWhen?: PongsWhen } = {}) {
  const http = createServer().listen(0, '127.0.0.1')
  const sockets = new WebSocketServer({ server: http, autoPong: false })
  await once(http, 'listening')
  const address = http.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const peer = new WebSocket(`ws://127.0.0.1:${port}`)
  const [[socket, { socket: raw }]] = await Promise.all([once(sockets, 'connection'), once(peer, 'open')])
  t.teardown(() => {
    socket.terminate()
    peer.terminate()
    http.close()
  })
  const options = pongsWhen === undefined ? {} : { pongsWhen: () => pongsWhen }
  return {
    ...createWebSocketStream({ socket, raw, ...options }),
    peer,
    socket,
    pinged: () => once(socket, 'ping')
  }
}
