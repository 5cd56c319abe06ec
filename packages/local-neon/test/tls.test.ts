import { type EventEmitter, once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Client } from '@neondatabase/serverless'
import pg from 'pg'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { LocalNeon } from '../src/local-neon.ts'
import { start } from './fixtures/sandbox.ts'

const TLS_REQUEST = Buffer.from('0000000804d2162f', 'hex')

t.test('TLS', async t => {
  const neon = await start(t, { tls: 'offered', endpoints: ['ep-local', 'ep-other'] })

  t.test('serves the Neon driver over wss, with the certificate verified', async t => {
    t.strictSame(await viaWebSocket(t, neon), [{ one: 1 }])
  })

  t.test('serves pg over TLS, with the certificate verified', async t => {
    t.strictSame(await viaTcp(t, neon), [{ one: 1 }])
  })

  t.test('serves TLS from the first byte, as sslnegotiation=direct asks for it', async t => {
    const socket = connectTls({ ...trusting(neon), ALPNProtocols: ['postgresql'] })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    t.equal(socket.alpnProtocol, 'postgresql')

    socket.write(startup({ user: 'neondb_owner' }))

    // AuthenticationSASL: 'R', length 42, code 10.
    t.match(String((await once(socket, 'data'))[0].toString('hex')), /^520000002a0000000a/)
  })

  t.test('lets pg bind its login to the certificate', async t => {
    const { password } = new URL(neon.url)
    const client = new pg.Client({
      connectionString: neon.url,
      password,
      ssl: { ca: neon.ca?.pem },
      enableChannelBinding: true
    })
    t.teardown(() => client.end())
    const { connection } = client as unknown as { connection: EventEmitter }
    const asked = once(connection, 'authenticationSASL')
    await client.connect()

    t.match(await asked, [{ mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] }])
    t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  })

  t.test('is accepted from an SSLRequest that comes byte by byte', async t => {
    const socket = connectTcp(neon.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.setNoDelay(true)
    const answered = once(socket, 'data')

    for (const byte of TLS_REQUEST) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }

    t.equal(String((await answered)[0]), 'S')
  })

  t.test('drops who closes its side before it has said what it wants', async t => {
    const socket = connectTcp(neon.port, '127.0.0.1')
    t.teardown(() => socket.destroy())

    socket.end(TLS_REQUEST.subarray(0, 3))

    await once(socket.resume(), 'close')
    t.equal(socket.bytesRead, 0)
  })

  t.test('tells the endpoint by the name that the client expects', async t => {
    const servername = 'ep-nobody.localhost'
    const socket = connectTls({ ...trusting(neon), servername, checkServerIdentity: () => undefined })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')

    socket.write(startup({ user: 'neondb_owner' }))

    t.match(String((await once(socket, 'data'))[0]), /endpoint cannot be found/)
  })

  t.test('is not asked of others while it is only offered', async t => {
    t.match(await loginOf(neon, { ssl: false }), 'in')
  })

  t.test('is refused by a client that does not know the authority', async t => {
    await t.rejects(viaTcp(t, neon, { ca: undefined }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  })

  for (const [flaw, code] of [
    ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID']
  ] as const) {
    t.test(`is refused with a certificate that is ${flaw}, over either transport`, async t => {
      const fault = neon.inject({ type: 'certificate', flaw })

      await t.rejects(viaTcp(t, neon), { code })
      const { error } = await viaWebSocket(t, neon).catch(event => event)
      t.match(error, { code })
      t.equal(fault.hits, 2)
      fault.remove()

      t.strictSame(await viaTcp(t, neon), [{ one: 1 }])
    })
  }
})

t.test('TLS that is required', async t => {
  const neon = await start(t, { tls: 'required' })

  t.test('is what every URL asks for', async t => {
    t.match(neon.url, /sslmode=require$/)
    t.strictSame(await viaWebSocket(t, neon), [{ one: 1 }])
  })

  t.test('refuses who comes without, in the words of Neon', async t => {
    const text = 'connection is insecure (try using `sslmode=require`)'

    t.equal(await loginOf(neon, { ssl: false }), text)
    const client = new Client(neon.url)
    Object.assign(client.neonConfig, webSocketOver(neon, {}), {
      useSecureWebSocket: false,
      pipelineConnect: false
    })
    client.on('error', () => {})
    await t.rejects(client.connect(), { code: 'XX000', message: text })
  })
})

t.test('without TLS an SSLRequest is refused, and a handshake dropped', async t => {
  const neon = await start(t)
  const asking = connectTcp(neon.port, '127.0.0.1')
  t.teardown(() => asking.destroy())

  asking.write(TLS_REQUEST)

  t.equal(String((await once(asking, 'data'))[0]), 'N')
  await t.rejects(once(connectTls({ port: neon.port, host: '127.0.0.1' }), 'secureConnect'))
})

function trusting(neon: LocalNeon) {
  return { host: '127.0.0.1', port: neon.port, ca: neon.ca?.pem }
}

async function viaTcp(t: Test, neon: LocalNeon, options: { ca?: string | undefined } = {}) {
  const ssl = { ca: neon.ca?.pem, ...options }
  const client = new pg.Client({ connectionString: neon.urls.direct.replace(/\?.*/, ''), ssl })
  client.on('error', () => {})
  t.teardown(() => void client.end().catch(() => {}))
  await client.connect()
  return (await client.query('SELECT 1 AS one')).rows
}

async function viaWebSocket(t: Test, neon: LocalNeon) {
  const client = new Client(neon.url)
  Object.assign(client.neonConfig, webSocketOver(neon, { ca: neon.ca?.pem }))
  client.on('error', () => {})
  t.teardown(() => void client.end().catch(() => {}))
  await client.connect()
  return (await client.query('SELECT 1 AS one')).rows
}

/** What the driver is told to reach a port other than 443. */
function webSocketOver({ port }: LocalNeon, options: { ca?: string | undefined }) {
  class Trusting extends WebSocket {
    constructor(address: string) {
      super(address, options)
    }
  }
  const wsProxy = (host: string) => `${host}:${port}/v2`
  return { webSocketConstructor: Trusting, wsProxy, useSecureWebSocket: true }
}

/** 'in', or the message of the refusal. */
async function loginOf(neon: LocalNeon, options: pg.ClientConfig): Promise<string> {
  const client = new pg.Client({ connectionString: neon.url.replace(/\?.*/, ''), ...options })
  try {
    await client.connect()
    await client.end()
    return 'in'
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

function startup(parameters: Record<string, string>): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const packet = Buffer.from(`____\0\x03\0\0${text.join('')}\0`)
  packet.writeInt32BE(packet.length)
  return packet
}
