import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { closeSockets, createSocketRegister } from '../../src/neon/socket.ts'
import { until } from '../helper.ts'
import { scriptedServer } from './scripted-server.ts'

t.test('the end of sockets', async t => {
  t.test('is not disturbed by one that breaks meanwhile', async t => {
    // A frame that no WebSocket has is an error at the other end, and not only a close.
    const server = await scriptedServer(t, socket =>
      Reflect.get(socket, '_socket').end(Buffer.from([0xff, 0xff, 0xff]))
    )
    const { NeonSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = new NeonSocket(`ws://${new URL(server.url).host}/v2`)
    await once(socket, 'open')
    const broken = new Promise(resolve => socket.once('error', resolve))

    const closed = closeSockets(open, 5000)
    socket.send('break')

    await closed
    t.type(await broken, Error)
    t.equal(open.size, 0)
  })
})

t.test('a socket', async t => {
  t.test('is not there before it is open', async t => {
    const server = await scriptedServer(t, () => {})
    const { NeonSocket } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = new NeonSocket(`ws://${new URL(server.url).host}/v2`)

    t.equal(await socket.check(1), false)
    t.equal(socket.silentMs, 0)

    await once(socket, 'open')
    await once(socket, 'pong')
    t.equal(await socket.check(5000), true)
    t.ok(socket.silentMs < 5000)
    socket.terminate()
    await once(socket, 'close')
  })

  t.test('gives up a server that does not answer the upgrade', async t => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    t.teardown(() => server.close())
    server.on('connection', peer => t.teardown(() => peer.destroy()))
    const { NeonSocket, open } = createSocketRegister({ handshakeTimeoutMs: 50, secure: false })

    const socket = new NeonSocket(`ws://127.0.0.1:${port}/v2`)
    const [error] = await once(socket, 'error')

    t.match(error, { message: 'Opening handshake has timed out' })
    await until(() => open.size === 0)
  })

  t.test('is ended by text, which reaches nobody', async t => {
    const server = await scriptedServer(t, socket => socket.send('text'))
    const { NeonSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
    const socket = new NeonSocket(`ws://${new URL(server.url).host}/v2`)
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
      const { NeonSocket, open } = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
      const socket = new NeonSocket(`ws://${new URL(server.url).host}/v2`)
      await once(socket, 'open')
      const broken = once(socket, 'error')

      socket.send('go')

      await broken
      await until(() => open.size === 0)
    }
  })
})
