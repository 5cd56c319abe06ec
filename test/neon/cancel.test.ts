import t from 'tap'
import { cancelRequest, cancelStatement } from '../../src/neon/cancel.ts'
import { createSocketRegister } from '../../src/neon/socket.ts'
import { scriptedServer } from './scripted-server.ts'

const KEY = { processId: 7, secret: -1 }

function register() {
  return createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
}

t.test('the cancel of a statement', async t => {
  t.test('is the message of the protocol', async t => {
    t.equal(cancelRequest(KEY).toString('hex'), '0000001004d2162e00000007ffffffff')
  })

  t.test('is over when the server closes', async t => {
    const { url } = await scriptedServer(t, socket => socket.close())
    const sockets = register()

    const address = `ws://${new URL(url).host}/v2`
    await cancelStatement({ address, key: KEY, sockets, timeoutMs: 20_000 })

    t.equal(sockets.open.size, 0)
  })

  t.test('disturbs nobody when it cannot be delivered', async t => {
    const sockets = register()

    await cancelStatement({ address: 'ws://127.0.0.1:1/v2', key: KEY, sockets, timeoutMs: 20_000 })

    t.equal(sockets.open.size, 0)
  })
})
