import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { systemClock } from '../../src/clock.ts'
import { createFaults } from '../../src/faults/registry.ts'
import { createConnections } from '../../src/proxy/connection.ts'
import { type EndpointOptions, openEndpoint } from '../../src/proxy/endpoint.ts'
import { relay } from '../../src/proxy/relay.ts'
import { until, untilStill } from '../fixtures/sandbox.ts'

/** Length and code of an SSLRequest. */
const STARTUP = Buffer.from('0000000804d2162f', 'hex')
const TERMINATE = Buffer.from('5800000004', 'hex')
const MEGABYTE = 1024 * 1024

t.test('endpoint', async t => {
  t.test('takes plain Postgres from its first byte on', async t => {
    const { dial } = await open(t)

    const socket = dial()
    socket.write(STARTUP)

    t.strictSame((await once(socket, 'data'))[0], STARTUP)
  })

  t.test('takes plain Postgres that comes byte by byte', async t => {
    const { dial } = await open(t)
    const socket = dial()

    for (const byte of STARTUP) {
      socket.write(Buffer.of(byte))
      t.strictSame((await once(socket, 'data'))[0], Buffer.of(byte))
    }
  })

  t.test('lets a client that has closed its side read the answer', async t => {
    const late = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), final })
    const { dial } = await open(t, { onClient: client => void relay(client, late) })
    const socket = dial()

    socket.end(STARTUP)

    t.equal(String((await once(socket, 'data'))[0]), 'answer')

    function final(this: Duplex, done: () => void) {
      setImmediate(() => {
        this.push('answer')
        this.push(null)
        done()
      })
    }
  })

  t.test('takes a WebSocket at any path', async t => {
    const { dialWebSocket } = await open(t)
    const socket = await dialWebSocket('/any/path?x=1')

    socket.send(STARTUP)

    const [data, isBinary] = await once(socket, 'message')
    t.strictSame([data, isBinary], [STARTUP, true])
  })

  t.test('does not compress, as Neon does not', async t => {
    const { dialWebSocket } = await open(t)

    t.equal((await dialWebSocket('/v2')).extensions, '')
  })

  t.test('carries large frames both ways', async t => {
    const { dialWebSocket } = await open(t)
    const socket = await dialWebSocket('/v2')
    const sent = Buffer.alloc(8 * MEGABYTE, 'x')
    const received: Buffer[] = []
    socket.on('message', (data: Buffer) => received.push(data))

    socket.send(sent)
    await until('all is back', () => Buffer.concat(received).length >= sent.length)

    t.ok(Buffer.concat(received).equals(sent))
  })

  t.test('holds a fast client back while Postgres does not read', async t => {
    const lazy = new Duplex({ read() {}, write() {} })
    const { dialWebSocket } = await open(t, { onClient: client => void relay(client, lazy) })
    const socket = await dialWebSocket('/v2')

    for (let sent = 0; sent < 64; sent++) socket.send(Buffer.alloc(MEGABYTE))
    await until('Postgres is stuck', () => lazy.writableNeedDrain)
    await untilStill('the client is held back', () => socket.bufferedAmount)

    t.ok(socket.bufferedAmount > MEGABYTE, `${socket.bufferedAmount} bytes wait at the client`)
  })

  t.test('closes a WebSocket that sends text, and passes nothing on', async t => {
    const { dialWebSocket, received } = await open(t)
    const socket = await dialWebSocket('/v2')

    socket.send('SELECT 1')
    socket.send(STARTUP)

    t.strictSame((await once(socket, 'close'))[0], 1006)
    t.strictSame(Buffer.concat(received), Buffer.alloc(0))
  })

  t.test('closes the WebSocket when Postgres closes, after what it says last', async t => {
    const postgres = new PassThrough()
    const { dialWebSocket } = await open(t, { onClient: client => void relay(client, postgres) })
    const socket = await dialWebSocket('/v2')
    const message = once(socket, 'message')

    postgres.end('FATAL')

    t.equal(String((await message)[0]), 'FATAL')
    t.equal((await once(socket, 'close'))[0], 1000)
  })

  t.test('ends Postgres when the WebSocket closes or breaks', async t => {
    for (const end of ['close', 'terminate'] as const) {
      const postgres = new PassThrough()
      const { dialWebSocket } = await open(t, { onClient: client => void relay(client, postgres) })
      const socket = await dialWebSocket('/v2')

      socket[end]()

      await once(postgres, 'close')
      t.pass(end)
    }
  })

  t.test('ends Postgres when a WebSocket breaks the protocol', async t => {
    const { dialWebSocket, ended } = await open(t)
    const socket = await dialWebSocket('/v2')
    socket.on('error', () => {})

    // A frame with a reserved bit, past the client's own framing.
    rawSocketOf(socket).write(Buffer.from('f0800000', 'hex'))

    await until('Postgres is told', ended)
    t.pass('the session has ended')
  })

  t.test('answers plain HTTP in the words of Neon, and with what it is', async t => {
    const { url } = await open(t)

    const response = await fetch(`http://${url}/`)

    t.equal(response.status, 400)
    t.equal(response.headers.get('local-neon'), 'this one')
    t.equal(await response.text(), '"query is not supported"')
  })

  t.test('takes a message of Postgres without TLS for no HTTP, and waits for its rest', async t => {
    const { dial, received } = await open(t)
    const socket = dial()

    socket.write(TERMINATE)

    t.strictSame((await once(socket, 'data'))[0], TERMINATE)
    t.strictSame(Buffer.concat(received), TERMINATE)
  })

  t.test('drops an upgrade that is no WebSocket', async t => {
    const { dial } = await open(t)
    const socket = dial()

    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n')

    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 400/)
    await once(socket, 'close')
  })

  t.test('takes a WebSocket whose Host header is no name, as one without', async t => {
    const hosts: (string | undefined)[] = []
    const { dial } = await open(t, { onClient: (_client, { host }) => hosts.push(host) })
    const socket = dial()

    socket.write(
      'GET / HTTP/1.1\r\nhost: [\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    )

    t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 101/)
    t.strictSame(hosts, [undefined])
  })

  t.test('drops what begins like nothing it knows', async t => {
    const { dial } = await open(t)
    // TLS from the first byte, as sslnegotiation=direct does.
    const socket = dial()

    socket.write(Buffer.of(0x16, 0x03, 0x01))

    await once(socket.resume(), 'close')
    t.pass('dropped')
  })

  t.test('drops a client that says nothing in time', async t => {
    const { dial } = await open(t, { greetingDeadlineMs: 30 })

    await once(dial().resume(), 'close')
    t.pass('dropped')
  })

  t.test('drops an HTTP client that does not come to its point in time', async t => {
    const { dial } = await open(t, { greetingDeadlineMs: 30 })
    const socket = dial()

    socket.write('GET / HTTP/1.1\r\n')

    await once(socket.resume(), 'close')
    t.pass('dropped')
  })

  t.test('keeps a client that has greeted in time', async t => {
    const { dial } = await open(t, { greetingDeadlineMs: 30 })
    const socket = dial()
    socket.write(STARTUP)
    await once(socket, 'data')
    // Outlives a client that came later and says nothing.
    await once(dial().resume(), 'close')

    socket.write('x')

    t.equal(String((await once(socket, 'data'))[0]), 'x')
  })

  t.test('lets a client go that says nothing and leaves', async t => {
    const { dial } = await open(t)
    const socket = dial()

    socket.end()

    await once(socket.resume(), 'close')
    t.pass('closed')
  })

  t.test('survives a client that resets its connection', async t => {
    const { dial, ended } = await open(t)
    const silent = dial()
    await once(silent, 'connect')
    silent.resetAndDestroy()
    const socket = dial()
    socket.write(STARTUP)
    await once(socket, 'data')
    socket.resetAndDestroy()

    await until('Postgres is told', ended)
    t.pass('nothing was thrown')
  })

  t.test('takes another port when the one asked for is taken', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.teardown(() => taken.close())
    const address = taken.address()
    const port = typeof address === 'object' && address ? address.port : 0

    const { endpoint } = await open(t, { port })

    t.equal(endpoint.portWasTaken, true)
    t.not(endpoint.port, port)
  })

  t.test('takes the port asked for', async t => {
    const { endpoint } = await open(t)
    await endpoint.close()

    const again = await open(t, { port: endpoint.port })

    t.match(again.endpoint, { port: endpoint.port, portWasTaken: false })
  })

  t.test('fails at a port that cannot be', async t => {
    await t.rejects(open(t, { port: 65_536 }), { code: 'ERR_SOCKET_BAD_PORT' })
  })
})

t.test('closing endpoint', async t => {
  t.test('ends every kind of connection', async t => {
    const { endpoint, dial, dialWebSocket } = await open(t)
    const silent = dial()
    const plain = dial()
    plain.write(STARTUP)
    await once(plain, 'data')
    const webSocket = await dialWebSocket('/v2')
    const ends = Promise.all([
      once(silent.resume(), 'close'),
      once(plain.resume(), 'close'),
      once(webSocket, 'close')
    ])

    await endpoint.close()

    await ends
    await t.rejects(once(dial(), 'connect'), { code: 'ECONNREFUSED' })
  })

  t.test('ends a client that does not take its leave', async t => {
    const { endpoint, dial } = await open(t, { closeDeadlineMs: 30 })
    const socket = dial()
    socket.write(STARTUP)
    await once(socket, 'data')
    // It gets the end and does not answer.
    socket.removeAllListeners('end')

    await endpoint.close()

    t.equal(socket.writableEnded, false)
  })

  t.test('happens once', async t => {
    const { endpoint } = await open(t)

    t.equal(endpoint.close(), endpoint.close())
  })
})

/** An endpoint with an echo behind it. */
async function open(t: Test, options: Partial<EndpointOptions> = {}) {
  const received: Buffer[] = []
  let echo: PassThrough | undefined
  const faults = createFaults(
    () => {},
    () => {}
  )
  const endpoint = await openEndpoint({
    port: 0,
    onClient: echoTo,
    connections: createConnections(faults, systemClock),
    faults,
    identity: 'this one',
    ...options
  })
  t.teardown(() => endpoint.close())
  return {
    endpoint,
    url: `127.0.0.1:${endpoint.port}`,
    dial,
    dialWebSocket,
    received,
    ended: () => !!echo?.destroyed
  }

  function echoTo(client: Duplex) {
    echo = new PassThrough()
    client.on('data', chunk => received.push(chunk))
    relay(client, echo)
  }

  function dial(): Socket {
    const socket = connect({ port: endpoint.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.once('end', () => socket.end())
    t.teardown(() => socket.destroy())
    return socket
  }

  async function dialWebSocket(path: string): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${endpoint.port}${path}`)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
}

function rawSocketOf(socket: WebSocket): Socket {
  const { _socket: raw } = socket as unknown as { _socket: Socket }
  return raw
}
