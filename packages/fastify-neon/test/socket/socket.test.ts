import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { until } from '../../../../test/support/app.ts'
import { FRAME_BYTES } from '../../src/socket/frames.ts'
import { closeSockets, createSocketRegister } from '../../src/socket/socket.ts'
import { message, scriptedServer } from '../support/scripted-server.ts'

t.test('the end of sockets', async t => {
  t.test('is not disturbed by one that breaks meanwhile', async t => {
    // A frame that no WebSocket has is an error at the other end, and not only a close.
    const server = await scriptedServer(t, socket =>
      Reflect.get(socket, '_socket').end(Buffer.from([0xff, 0xff, 0xff]))
    )
    const { createSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = createSocket(`ws://${new URL(server.url).host}/v2`)
    await once(socket, 'open')
    const broken = new Promise(resolve => socket.once('error', resolve))

    const closed = closeSockets(open, 5000)
    socket.send('break')

    await closed
    t.type(await broken, Error)
    t.equal(open.size, 0)
  })

  t.test('comes by force for one that does not close', async t => {
    const server = await scriptedServer(t, () => {})
    const { createSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = createSocket(`ws://${new URL(server.url).host}/v2`)
    await once(socket, 'open')
    const closed = once(socket, 'close')

    await closeSockets(open, 1)

    await closed
    t.equal(open.size, 0)
  })
})

t.test('a socket', async t => {
  t.test('is kept alive by TCP, and pinged behind the first message', async t => {
    const server = await scriptedServer(t, socket => socket.send(Buffer.from('bytes')))
    const { createSocket } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const kept: unknown[] = []
    const { setKeepAlive } = Socket.prototype
    t.intercept(Socket.prototype, 'setKeepAlive', {
      value(this: Socket, ...given: Parameters<typeof setKeepAlive>) {
        kept.push(given)
        return setKeepAlive.apply(this, given)
      }
    })
    const socket = createSocket(`ws://${new URL(server.url).host}/v2`)

    t.equal(socket.silentMs, 0)
    await once(socket, 'open')

    t.strictSame(kept.at(-1), [true, 5000])
    socket.send('go')
    await once(socket, 'message')
    t.ok(socket.silentMs < 5000)
    await once(socket, 'pong')
    socket.terminate()
    await once(socket, 'close')
  })

  t.test('whose reader is slow is not ended for the pongs that nobody reads', async t => {
    const { socket, pings } = await openSocket(t, peer => peer.send('bytes', { binary: true }), 20)
    await until(() => pings() >= 3)

    socket.pause()
    const before = pings()
    await until(() => pings() >= before + 5)

    t.equal(socket.readyState, WebSocket.OPEN)
  })

  t.test('knows how long the way to its server is', async t => {
    const answersAfterMs = 60
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      verifyClient: (_info, answer) => setTimeout(answer, answersAfterMs, true)
    })
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port } = Object(server.address())
    const { createSocket } = createSocketRegister({ handshakeTimeoutMs: 60_000, secure: false })
    const startMs = performance.now()

    const socket = createSocket(`ws://127.0.0.1:${port}/v2`)
    t.equal(socket.upgradeMs, 0)
    await once(socket, 'open')

    t.ok(socket.upgradeMs >= answersAfterMs - 1)
    t.ok(socket.upgradeMs <= performance.now() - startMs)
    socket.terminate()
    await once(socket, 'close')
  })

  t.test('is never without TLS where it has to be secure', async t => {
    const { createSocket } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: true })

    const socket = createSocket('ws://127.0.0.1:1/v2')

    t.equal(Reflect.get(socket, 'url'), 'wss://127.0.0.1:1/v2')
    await once(socket, 'error')
  })

  t.test('gives up a server that does not answer the upgrade', async t => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    t.teardown(() => server.close())
    server.on('connection', peer => t.teardown(() => peer.destroy()))
    const { createSocket, open } = createSocketRegister({ handshakeTimeoutMs: 50, secure: false })

    const socket = createSocket(`ws://127.0.0.1:${port}/v2`)
    const [error] = await once(socket, 'error')

    t.match(error, { message: 'Opening handshake has timed out' })
    await until(() => open.size === 0)
  })

  t.test('is ended by text, which reaches nobody', async t => {
    const server = await scriptedServer(t, socket => socket.send('text'))
    const { createSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = createSocket(`ws://${new URL(server.url).host}/v2`)
    socket.on('message', () => t.fail('the text got through'))
    await once(socket, 'open')

    socket.send('go')

    await once(socket, 'close')
    t.equal(open.size, 0)
  })

  t.test('is ended by what is no WebSocket frame, and by too much', async t => {
    const oversized = Buffer.from([0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0])
    const masked = Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0])
    const badOpcode = Buffer.from([0x83, 0])
    for (const bytes of [oversized, masked, badOpcode]) {
      const server = await scriptedServer(t, socket => Reflect.get(socket, '_socket').write(bytes))
      const { createSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
      const socket = createSocket(`ws://${new URL(server.url).host}/v2`)
      await once(socket, 'open')
      const broken = once(socket, 'error')

      socket.send('go')

      await broken
      await until(() => open.size === 0)
    }
  })
})

/** A socket that is open, and the frames that its server gets. */
async function openSocket(
  t: Test,
  answer: (socket: WebSocket) => void = () => {},
  heartbeatIntervalMs?: number
) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  const frames: string[] = []
  let pings = 0
  server.on('connection', peer => {
    peer.on('ping', () => {
      pings += 1
    })
    peer.on('message', data => frames.push(String(data)))
    answer(peer)
  })
  await once(server, 'listening')
  const { createSocket, open } = createSocketRegister({
    handshakeTimeoutMs: 5000,
    secure: false,
    ...(heartbeatIntervalMs && { heartbeatIntervalMs })
  })
  const socket = createSocket(`ws://127.0.0.1:${Reflect.get(Object(server.address()), 'port')}/v2`)
  t.teardown(() => {
    for (const each of open) each.terminate()
    server.close()
  })
  return { socket, frames, pings: () => pings }
}

t.test('what is sent', async t => {
  t.test('in one tick leaves in one frame, in order', async t => {
    const { socket, frames } = await openSocket(t)
    await once(socket, 'open')
    const bytes = Buffer.from('-alone-')

    socket.send('one ')
    socket.send(Buffer.from('two '))
    queueMicrotask(() => socket.send(new Uint8Array([0x33])))
    await until(() => frames.length === 1)
    socket.send(bytes.subarray(1, 6))
    await until(() => frames.length === 2)

    t.strictSame(frames, ['one two 3', 'alone'])
  })

  t.test('is large leaves in frames that any server takes, in order', async t => {
    const { socket, frames } = await openSocket(t)
    await once(socket, 'open')
    const large = Buffer.alloc(2.5 * FRAME_BYTES, 'large ')
    const messages = ['small ', large, 'small ', large.subarray(0, FRAME_BYTES)]

    for (const message of messages) socket.send(message)
    const whole = messages.map(String).join('')
    await until(() => frames.join('').length === whole.length)

    t.ok(frames.join('') === whole)
    t.ok(frames.every(frame => frame.length <= FRAME_BYTES))
    t.equal(frames.length, 5)
  })

  t.test('is nothing leaves in no frame', async t => {
    const { socket, frames } = await openSocket(t)
    await once(socket, 'open')

    socket.send(Buffer.alloc(0))
    await new Promise(resolve => setImmediate(resolve))
    socket.send('something')
    await until(() => frames.length > 0)

    t.strictSame(frames, ['something'])
  })

  t.test('is waiting leaves in front of the close', async t => {
    const { socket, frames } = await openSocket(t)
    await once(socket, 'open')

    socket.send('goodbye')
    socket.close()
    socket.send('too late')

    await once(socket, 'close')
    t.strictSame(frames, ['goodbye'])
  })

  t.test('while it is not open goes nowhere, and is no error', async t => {
    const { socket, frames } = await openSocket(t)
    socket.on('error', error => t.fail(error.message))

    socket.send('too early')
    await once(socket, 'open')
    socket.send('in time')
    await until(() => frames.length === 1)
    socket.close()
    await once(socket, 'close')
    socket.send('too late')
    await new Promise(resolve => setImmediate(resolve))

    t.strictSame(frames, ['in time'])
  })
})

t.test('what comes', async t => {
  t.test('is delivered as whole messages, however the frames are cut', async t => {
    const first = Buffer.from(message('D', [1, 2, 3]))
    const second = Buffer.from(message('Z', [0x49]))
    const { socket } = await openSocket(t, peer => {
      peer.send(first.subarray(0, 4))
      peer.send(Buffer.concat([first.subarray(4), second, first]))
    })
    const delivered: Buffer[] = []
    socket.deliver({ onMessages: messages => delivered.push(messages), onSend() {}, isQuiet: () => true })

    await until(() => delivered.length > 0)

    t.strictSame(delivered, [Buffer.concat([first, second, first])])
  })

  t.test('is delivered before the error of what came behind it', async t => {
    const answer = Buffer.from(message('Z', [0x49]))
    const frame = Buffer.concat([Buffer.from([0x82, answer.length]), answer])
    // No frame begins with it: its reserved bits are set.
    const { socket } = await openSocket(t, peer =>
      Reflect.get(peer, '_socket').write(Buffer.concat([frame, Buffer.from([0xff, 0])]))
    )
    const heard: string[] = []
    socket.on('error', () => heard.push('error'))
    socket.deliver({ onMessages: () => heard.push('messages'), onSend() {}, isQuiet: () => true })

    await new Promise(resolve => socket.once('close', resolve))

    t.strictSame(heard, ['messages', 'error'])
  })

  t.test('is not copied for the driver, which asks for it', async t => {
    const { socket } = await openSocket(t, peer => peer.send(Buffer.from('bytes')))
    socket.addEventListener('message', () => t.fail('the driver hears of it'))
    const opened = new Promise(resolve => socket.addEventListener('open', resolve))

    socket.binaryType = 'arraybuffer'
    const [data] = await once(socket, 'message')

    await opened
    t.equal(socket.binaryType, 'nodebuffer')
    t.ok(Buffer.isBuffer(data))
  })

  t.test('and cannot be read ends the socket, and nothing else', async t => {
    const { socket } = await openSocket(t, peer => peer.send(Buffer.from('bytes')))
    socket.on('message', () => {
      throw new Error('cannot be read')
    })

    await once(socket, 'close')

    t.equal(socket.readyState, WebSocket.CLOSED)
  })
})
