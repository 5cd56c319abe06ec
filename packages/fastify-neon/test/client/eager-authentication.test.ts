import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openFront } from '../../../../test/reliability/support/tamper.ts'
import { until } from '../../../../test/support/app.ts'
import { createDatabase, readServer } from '../../../../test/support/postgres.ts'
import { clientConfig, NeonClient } from '../../src/client/client.ts'
import { AuthenticationModeError } from '../../src/client/eager-authentication.ts'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { createSocketRegister } from '../../src/socket/socket.ts'
import { openPool } from '../support/pools.ts'
import { AUTHENTICATED, message, scriptedServer } from '../support/scripted-server.ts'

const front = await openFront(t, readServer())

/** The frames of a login are those in front of the first statement. */
function recordFrames(t: Test) {
  const frames: Buffer[] = []
  const stop = front.tamper({
    toServer(frame) {
      frames.push(frame)
      return false
    }
  })
  t.teardown(stop)
  return frames
}

const AUTHENTICATION_OK = message('R', [0, 0, 0, 0])
const READY = message('Z', [0x49])
const SASL = message('R', [0, 0, 0, 10, ...Buffer.from('SCRAM-SHA-256\0\0')])
const MD5 = message('R', [0, 0, 0, 5, 1, 2, 3, 4])
const WELCOME = Buffer.from([...AUTHENTICATION_OK, ...READY])
const ANSWER = Buffer.from([...message('C', [...Buffer.from('SELECT 0'), 0]), ...READY])
const PASSWORD = 0x70

/** Where the start-up message ends, there may be another one. */
function passwordIn(frame: Buffer): Buffer {
  return frame.subarray(frame.readUInt32BE(0))
}

t.test('an eager login', async t => {
  t.test('has its password in the frame of the start-up message', async t => {
    const frames = recordFrames(t)
    const url = front.through(await createDatabase(t))
    const { pool } = await openPool(t, {}, url)

    const client = await pool.connect()

    const [first, ...others] = frames
    t.strictSame(others, [])
    t.equal(first && passwordIn(first)[0], PASSWORD)
    client.release()
  })

  t.test('is over when the server is ready, and not before', async t => {
    const server = await scriptedServer(t, (socket, count) => {
      if (count === 1) socket.send(Buffer.from(AUTHENTICATED.slice(0, -READY.length)))
    })
    const { client, sockets } = openClient(t, server.url)
    let isOver = false
    const connecting = client.connect().then(() => {
      isOver = true
    })
    let authenticated = false
    Reflect.get(client, 'connection').on('authenticationOk', () => {
      authenticated = true
    })

    await until(() => authenticated)
    await nextTurn()
    t.equal(isOver, false)
    t.equal(client.transactionStatus, 'unknown')
    t.equal(client.getTransactionStatus(), null)
    for (const socket of sockets.open) socket.emit('message', Buffer.from(READY), true)

    await connecting
    t.equal(client.transactionStatus, 'idle')
    t.equal(client.getTransactionStatus(), 'I')
  })

  t.test('takes a password that has to be asked for', async t => {
    const frames = recordFrames(t)
    const url = new URL(front.through(await createDatabase(t)))
    const right = decodeURIComponent(url.password)
    url.password = 'unused'
    const { pool } = await openPool(t, { password: async () => right }, url.href)

    t.match(await pool.query('select 1 as one'), { rows: [{ one: 1 }] })

    const [startup, password] = frames
    t.equal(startup && passwordIn(startup).length, 0)
    t.equal(password?.[0], PASSWORD)
  })

  t.test('with a wrong password is refused, and not tried in another manner', async t => {
    const frames = recordFrames(t)
    const url = Object.assign(new URL(front.through(await createDatabase(t))), { password: 'wrong' })
    const { pool, count } = await openPool(t, {}, url.href)

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_REFUSED', reason: 'password' })

    t.equal(frames.length, 1)
    t.equal(count('connect-retried'), 0)
  })
})

const OTHER_SERVERS = [
  ['wants SCRAM', SASL],
  ['wants MD5', MD5],
  ['wants nothing', undefined]
] as const

t.test('a server', async t => {
  for (const [title, request] of OTHER_SERVERS)
    t.test(`that ${title} gets no password unasked after the first login`, async t => {
      const logins: Buffer[][] = []
      const server = await scriptedServer(t, (socket, count, data) => {
        const frame = Buffer.from(Object(data))
        if (count === 1) {
          logins.push([frame])
          return socket.send(request === undefined ? WELCOME : Buffer.from(request))
        }
        logins.at(-1)?.push(frame)
        if (count === 2 && request !== undefined) socket.send(WELCOME)
      })
      const { pool, events } = await openPool(t, { max: 2 }, server.url)

      const clients = await Promise.all([pool.connect(), pool.connect()])

      const [eager, ...others] = logins
      t.equal(passwordIn(Buffer.concat(eager ?? []))[0], PASSWORD)
      t.equal(others.length, 2, 'one connection for each client')
      for (const [startup, answer] of others) {
        t.equal(startup && passwordIn(startup).length, 0)
        t.equal(answer?.[0], request === undefined ? undefined : PASSWORD)
      }
      t.strictSame(
        events.map(({ type }) => type).filter(type => type.startsWith('connect')),
        ['connected', 'connected'],
        'nobody hears of the first one'
      )
      for (const client of clients) client.release()
    })

  t.test('that wants another login answers the first question of health', async t => {
    const server = await scriptedServer(t, (socket, count) => socket.send(count === 1 ? WELCOME : ANSWER))
    const { pool } = await openPool(t, {}, server.url)

    t.equal(await pool.ping(5000), undefined)
  })

  t.test('that wants another login is told by an error of its own', async t => {
    const server = await scriptedServer(t, socket => socket.send(WELCOME))
    const { client, login } = openClient(t, server.url)

    await t.rejects(client.connect(), AuthenticationModeError)

    t.equal(login.isEager, false)
  })
})

function openClient(t: Test, address: string) {
  const { connection: url } = verifyConnectionUrl(address)
  if (!url) throw new Error('no valid URL')
  const sockets = createSocketRegister({ handshakeTimeoutMs: 5000, secure: false })
  const login = { isEager: true }
  const client = new NeonClient(clientConfig(url, {}), { url, sockets, login })
  t.teardown(() => client.kill())
  return { client, login, sockets }
}
