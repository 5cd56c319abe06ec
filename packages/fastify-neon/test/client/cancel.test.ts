import { EventEmitter } from 'node:events'
import pg from 'pg'
import t from 'tap'
import { NO_POOLER, openPooler } from '../../../../test/support/pooler.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { cancelRequest, cancelStatement } from '../../src/client/cancel.ts'
import { clientConfig, NeonClient } from '../../src/client/client.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { type ConnectionUrl, verifiedUrl } from '../../src/connection-string/connection-url.ts'
import { createSocketRegister } from '../../src/socket/socket.ts'
import { scriptedServer } from '../support/scripted-server.ts'

const KEY = { processId: 7, secret: -1 }
const isWanted = () => true

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
    await cancelStatement({ address, key: KEY, sockets, timeoutMs: 20_000, isWanted })

    t.equal(sockets.open.size, 0)
  })

  t.test('is not sent when its statement has ended while the way to the server was opened', async t => {
    let messages = 0
    const { url } = await scriptedServer(t, () => {
      messages += 1
    })
    const sockets = register()

    const address = `ws://${new URL(url).host}/v2`
    await cancelStatement({ address, key: KEY, sockets, timeoutMs: 20_000, isWanted: () => false })

    t.equal(sockets.open.size, 0)
    t.equal(messages, 0)
  })

  t.test('disturbs nobody when it cannot be delivered', async t => {
    const sockets = register()

    await cancelStatement({ address: 'ws://127.0.0.1:1/v2', key: KEY, sockets, timeoutMs: 20_000, isWanted })

    t.equal(sockets.open.size, 0)
  })
})

t.test('the cancel of a statement that waits for a server of the pooler', { skip: NO_POOLER }, async t => {
  t.test('is sent again until the statement runs and is ended', async t => {
    const direct = await createDatabase(t)
    await administer('create table kept (n int)', direct)
    const pooler = await openPooler(t, { poolSize: 1 })
    const url = verifiedUrl(pooler.through(direct), 'url')
    const holder = new pg.Client(pooler.through(direct))
    await holder.connect()
    t.teardown(() => holder.end())
    const { sockets, client } = clientOf(url)
    t.teardown(() => client.kill())
    await client.connect()
    await holder.query('begin')
    // What is dropped for want of a server is over with the first one.
    sockets.onceClosed(() => holder.query('rollback'))
    const pipeline = new Pipeline([{ text: 'insert into kept values (1)' }, { text: 'select pg_sleep(60)' }])
    const ended = t.rejects(client.runPipeline(pipeline), { code: '57014' })

    t.equal(await client.cancelAndKill(), true)

    await ended
    t.ok(sockets.closed > 1, `${sockets.closed} cancels`)
    t.strictSame(await administer('select * from kept', direct), [])
  })
})

/** With a count of the connections that have ended. */
function clientOf(url: ConnectionUrl) {
  const { createSocket, open } = register()
  const closing = new EventEmitter()
  const counted = {
    open,
    closed: 0,
    onceClosed: (callback: () => void) => closing.once('close', callback),
    createSocket(address: string) {
      const socket = createSocket(address)
      socket.once('close', () => {
        counted.closed += 1
        closing.emit('close')
      })
      return socket
    }
  }
  const client = new NeonClient(clientConfig(url, {}), { url, sockets: counted })
  return { sockets: counted, client }
}
