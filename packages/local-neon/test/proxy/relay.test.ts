import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { relay } from '../../src/proxy/relay.ts'
import { until, untilStill } from '../fixtures/sandbox.ts'

const CHUNK_BYTES = 65_536
const FAR_MORE_THAN_BUFFERS = 64 * 1024 * 1024

t.test('relay', async t => {
  t.test('passes bytes on in both directions', async t => {
    const { client, server } = await pair(t)

    client.write('ask')
    t.equal(String((await once(server, 'data'))[0]), 'ask')
    server.write('answer')
    t.equal(String((await once(client, 'data'))[0]), 'answer')
  })

  t.test('delivers what the server says last, then ends the client', async t => {
    const { client, server, relayed } = await pair(t)

    server.end('FATAL')
    t.equal(await textOf(client), 'FATAL')
    client.end()
    await once(relayed, 'close')

    t.equal(relayed.readableEnded, true, 'by its own end, not by a deadline')
  })

  t.test('delivers what the client says last, then ends the server', async t => {
    const { client, server } = await pair(t)

    client.end('cancel')

    t.equal(await textOf(server), 'cancel')
  })

  t.test('lets a client that has closed its side read the answer', async t => {
    const { client, server } = await pair(t)

    client.end('last question')
    await textOf(server)
    server.end('answer')

    t.equal(await textOf(client), 'answer')
  })

  t.test('ends the server when the client is reset', async t => {
    const { client, server } = await pair(t)

    client.write('a')
    await once(server, 'data')
    client.resetAndDestroy()

    await once(server.resume(), 'end')
    t.pass('the server side has closed')
  })

  t.test('ends the client when the server is reset', async t => {
    const { client, server } = await pair(t)

    server.resetAndDestroy()

    await once(client.resume(), 'end')
    t.pass('the client side has closed')
  })

  t.test('ends a client that neither reads nor disconnects', async t => {
    const { client, server, relayed } = await pair(t)

    server.end('FATAL')
    await once(relayed, 'close')

    t.equal(relayed.destroyed, true)
    t.equal(client.destroyed, false)
  })

  t.test('ends the client when there is no server', async t => {
    const { client } = await pair(t, { serverPort: 1 })

    await once(client.resume(), 'end')
    t.pass('the client side has closed')
  })

  t.test('ends both sides when the session is closed', async t => {
    const { client, server, session } = await pair(t)

    session.close()

    await Promise.all([once(client.resume(), 'end'), once(server.resume(), 'end')])
    t.pass('both have closed')
  })

  t.test('holds a fast server back while the client does not read', async t => {
    const { client, server } = await pair(t)
    client.pause()

    const sent = flood(server)
    await untilStill('the server is held back', sent)
    const heldAt = sent()
    client.resume()
    await until('the server goes on', () => sent() > heldAt)

    t.ok(heldAt < FAR_MORE_THAN_BUFFERS, `held back after ${heldAt} bytes`)
  })

  t.test('lets a server finish that neither reads nor is read from when the client breaks', async t => {
    const { client, server } = await pair(t)
    server.pause()
    client.pause()
    flood(client)
    const sent = flood(server)
    await untilStill('both are held back', sent)

    client.resetAndDestroy()

    await until('the server has sent all', () => sent() >= FAR_MORE_THAN_BUFFERS)
    t.pass('nothing is stuck')
  })

  t.test('sees the farewell of a client after the server has closed', async t => {
    const client = new Duplex({ read() {}, final })
    const server = new PassThrough()
    relay(client, server)

    server.destroy()

    await once(client, 'close')
    t.equal(client.readableEnded, true, 'by its own end, not by a deadline')

    function final(this: Duplex, done: () => void) {
      this.push(null)
      done()
    }
  })

  t.test('delivers all that has come from a client that breaks', async t => {
    const client = new PassThrough()
    const received: string[] = []
    const server = new Duplex({ read() {}, write })
    relay(client, server)
    server.write('in the queue')
    server.write('behind it')
    const closed = once(server, 'close')

    client.destroy()

    await closed
    t.strictSame(received, ['in the queue', 'behind it'])

    function write(chunk: Buffer, _encoding: string, done: () => void) {
      received.push(String(chunk))
      setImmediate(done)
    }
  })
})

async function pair(t: Test, { serverPort }: { serverPort?: number } = {}) {
  const postgres = await listen(t)
  const front = await listen(t)
  const client = connect({ port: front.port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {})
  const relayed = await accept(front.server)
  const accepted = serverPort ? client : accept(postgres.server)
  const session = relay(relayed, connect({ port: serverPort ?? postgres.port, host: '127.0.0.1' }))
  const server = await accepted
  t.teardown(() => {
    for (const socket of [client, server, relayed]) socket.destroy()
  })
  return { client, relayed, server, session }
}

async function accept(server: Server): Promise<Socket> {
  const [socket] = await once(server, 'connection')
  return socket
}

async function listen(t: Test) {
  const server = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  return { server, port: typeof address === 'object' && address ? address.port : 0 }
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', chunk => {
    text += chunk
  })
  await once(socket, 'end')
  return text
}

/** Writes as long as the socket takes it. Answers how much that is so far. */
function flood(socket: Socket): () => number {
  let sent = 0
  const write = () => {
    do sent += CHUNK_BYTES
    while (sent < FAR_MORE_THAN_BUFFERS && socket.write(Buffer.alloc(CHUNK_BYTES)))
  }
  socket.on('drain', write)
  write()
  return () => sent
}
