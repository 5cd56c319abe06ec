import { once } from 'node:events'
import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createWebSocketStream } from '../../../src/local/proxy/websocket-stream.ts'

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

  t.test('fails to write when the WebSocket has closed', async t => {
    const { stream, peer } = await pair(t)
    peer.terminate()
    await once(stream.resume(), 'end')
    const failed = once(stream, 'error')

    stream.write('late')

    t.match(await failed, [{ message: /not open/ }])
    t.equal(stream.destroyed, true)
  })

  t.test('ends without a farewell when the WebSocket has closed', async t => {
    const { stream, peer } = await pair(t)
    peer.close()
    await once(stream.resume(), 'end')

    stream.end()

    await once(stream, 'close')
    t.pass('closed')
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
})

/** A stream and the WebSocket at its other end. */
async function pair(t: Test) {
  const http = createServer().listen(0, '127.0.0.1')
  const sockets = new WebSocketServer({ server: http })
  await once(http, 'listening')
  const address = http.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const peer = new WebSocket(`ws://127.0.0.1:${port}`)
  const [[socket]] = await Promise.all([once(sockets, 'connection'), once(peer, 'open')])
  t.teardown(() => {
    socket.terminate()
    peer.terminate()
    http.close()
  })
  return { stream: createWebSocketStream(socket), peer }
}
