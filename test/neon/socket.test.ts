import { once } from 'node:events'
import t from 'tap'
import { closeSockets, createSocketRegister } from '../../src/neon/socket.ts'
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
