import t from 'tap'
import { clientConfig, NeonClient } from '../../src/neon/client.ts'
import { verifyConnectionUrl } from '../../src/neon/connection-url.ts'
import { createSocketRegister } from '../../src/neon/socket.ts'

t.test('a client that has not connected is not there', async t => {
  const { connection: url } = verifyConnectionUrl('postgresql://u:p@127.0.0.1:1/d')
  if (!url) throw new Error('no valid URL')
  const sockets = createSocketRegister({ handshakeTimeoutMs: 1, secure: false })

  const client = new NeonClient(clientConfig(url, {}), { url, sockets })

  t.strictSame([client.isLinked, client.isBusy, client.silentMs], [false, false, 0])
  t.equal(await client.answersPing(1), false)
})
