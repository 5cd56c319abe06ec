/**
 * The login byte by byte, for what no driver shows: what is asked for, in which order, and when
 * the patience ends.
 */
import { createHmac } from 'node:crypto'
import t from 'tap'
import { createManualClock } from './fixtures/manual-clock.ts'
import { isGone, start, until } from './fixtures/sandbox.ts'
import {
  AUTHENTICATION,
  dial,
  ERROR,
  fieldsOf,
  GSS_REQUEST,
  messagesUntil,
  nextMessage,
  passwordMessage,
  queryMessage,
  SSL_REQUEST,
  startup,
  TRANSPORTS,
  take,
  typed
} from './fixtures/wire.ts'

const clock = createManualClock()
const neon = await start(t, { clock })
const { password } = new URL(neon.url)
const OWNER = { user: 'neondb_owner', database: 'neondb' }
const VERSION_3_2 = 0x00_03_00_02
const CLEARTEXT = Buffer.of(0, 0, 0, 3)
const INTERNAL_ERROR = { S: 'ERROR', C: 'XX000', M: 'Internal error' }
const SASL = Buffer.concat([Buffer.of(0, 0, 0, 10), Buffer.from('SCRAM-SHA-256\0\0')])
const LONGEST_PASSWORD_BYTES = 512
const DEADLINE_MS = 15_000

t.test('the password is asked for in the clear over a WebSocket', async t => {
  const stream = await dial(t, neon.url, 'ws')

  stream.write(startup(OWNER))

  t.strictSame(await nextMessage(stream), { type: AUTHENTICATION, body: CLEARTEXT })
})

t.test('who answers with anything but a password is told of an internal error', async t => {
  const stream = await dial(t, neon.url, 'ws')
  stream.write(startup(OWNER))
  await nextMessage(stream)

  stream.write(queryMessage('SELECT 1'))

  t.match(await errorOf(stream), INTERNAL_ERROR)
})

t.test('SCRAM-SHA-256 without channel binding is asked for over TCP', async t => {
  const stream = await dial(t, neon.url, 'tcp')

  stream.write(startup(OWNER))

  t.strictSame(await nextMessage(stream), { type: AUTHENTICATION, body: SASL })
})

t.test('SCRAM is played to the end with a role that does not exist', async t => {
  const stream = await dial(t, neon.url, 'tcp')
  stream.write(startup({ user: 'nobody' }))
  await nextMessage(stream)

  const first = Buffer.from('n,,n=,r=mine')
  const length = Buffer.alloc(4)
  length.writeInt32BE(first.length)
  stream.write(typed('p', Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, first])))
  const challenge = String((await nextMessage(stream))?.body.subarray(4))
  const nonce = /r=([^,]+)/.exec(challenge)?.[1]
  const proof = createHmac('sha256', 'any').digest('base64')
  stream.write(typed('p', `c=biws,r=${nonce},p=${proof}`))

  t.match(challenge, /^r=mine.+,s=.+,i=4096$/)
  t.match(await errorOf(stream), { C: 'XX000', M: "password authentication failed for user 'nobody'" })
})

t.test('start-up, password and a query in one frame are answered in order', async t => {
  const stream = await dial(t, neon.url, 'ws')

  stream.write(Buffer.concat([startup(OWNER), passwordMessage(password), queryMessage('SELECT 1')]))

  const said = await messagesUntil(stream, 'C')
  const kinds = said.map(({ type }) => type).join('')
  t.match(kinds, /^RRS+KZTDC$/, 'two requests, parameters, the key, ready, and the answer')
})

t.test('a login that comes byte by byte is served', async t => {
  const stream = await dial(t, neon.url, 'ws')

  for (const byte of Buffer.concat([startup(OWNER), passwordMessage(password)])) stream.write(Buffer.of(byte))

  t.equal((await messagesUntil(stream, 'Z')).at(-1)?.type, 'Z')
})

for (const transport of TRANSPORTS) {
  t.test(`over ${transport}`, async t => {
    t.test('encryption is refused with N, each kind once, and the login goes on', async t => {
      const stream = await dial(t, neon.url, transport)

      stream.write(GSS_REQUEST)
      t.equal(String(await take(stream, 1)), 'N')
      stream.write(SSL_REQUEST)
      t.equal(String(await take(stream, 1)), 'N')
      stream.write(startup(OWNER))

      t.match(await nextMessage(stream), { type: AUTHENTICATION })
    })

    t.test('who asks for it twice is disconnected on', async t => {
      const stream = await dial(t, neon.url, transport)

      stream.write(SSL_REQUEST)
      await take(stream, 1)
      stream.write(SSL_REQUEST)

      t.equal(await nextMessage(stream), undefined)
    })

    t.test('version 3.2 and its extensions are negotiated down to 3.0', async t => {
      const stream = await dial(t, neon.url, transport)

      stream.write(startup({ ...OWNER, '_pq_.wanted': '1' }, VERSION_3_2))

      const down = Buffer.concat([Buffer.of(0, 3, 0, 0, 0, 0, 0, 1), Buffer.from('_pq_.wanted\0')])
      t.strictSame(await nextMessage(stream), { type: 'v', body: down })
      t.match(await nextMessage(stream), { type: AUTHENTICATION })
    })

    t.test('version 2 is disconnected on', async t => {
      const stream = await dial(t, neon.url, transport)

      stream.write(startup(OWNER, 0x00_02_00_00))

      t.equal(await nextMessage(stream), undefined)
    })

    t.test('a login without a user is refused', async t => {
      const stream = await dial(t, neon.url, transport)

      stream.write(startup({ database: 'neondb' }))

      t.match(await errorOf(stream), {
        S: 'ERROR',
        C: 'XX000',
        M: "Parameter 'user' is missing in startup packet."
      })
    })

    t.test('a password message of more than 512 bytes is an internal error', async t => {
      const stream = await dial(t, neon.url, transport)
      stream.write(startup(OWNER))
      await nextMessage(stream)

      stream.write(typed('p', 'x'.repeat(LONGEST_PASSWORD_BYTES + 1)))

      t.match(await errorOf(stream), INTERNAL_ERROR)
    })

    t.test('who does not begin in 15 s is disconnected on without a word', async t => {
      const silent = await dial(t, neon.url, transport)
      // The first byte tells what it is.
      if (transport === 'tcp') silent.write(Buffer.of(0))
      await until('it is waited for', () => deadlines() === 1)

      await clock.advance(DEADLINE_MS - 1)
      t.equal(deadlines(), 1)
      await clock.advance(1)

      t.equal(await nextMessage(silent), undefined)
    })

    t.test('who has logged in is not timed any more', async t => {
      const stream = await dial(t, neon.url, transport)
      stream.write(startup(OWNER))
      await nextMessage(stream)

      stream.destroy()

      await until('nobody waits for it', () => deadlines() === 0)
      t.pass('its timer is gone')
    })
  })
}

t.test('who does not go on with SCRAM in 15 s is refused', async t => {
  const hesitant = await dial(t, neon.url, 'tcp')
  hesitant.write(startup(OWNER))
  await nextMessage(hesitant)

  await clock.advance(DEADLINE_MS)

  t.match(await errorOf(hesitant), { S: 'ERROR', C: 'XX000', M: 'Authentication timed out' })
})

t.test('who is asked for a password in the clear may take as long as they like', async t => {
  const hesitant = await dial(t, neon.url, 'ws')
  hesitant.write(startup(OWNER))
  await nextMessage(hesitant)

  await clock.advance(10 * DEADLINE_MS)
  t.equal(deadlines(), 0)
  hesitant.write(passwordMessage(password))

  t.equal((await messagesUntil(hesitant, 'Z')).at(-1)?.type, 'Z')
})

t.test('Postgres has run all the while', async t => {
  t.equal(isGone(Number(neon.postgresPid)), false)
})

/** What it is refused with, and that this is the end. */
async function errorOf(stream: Parameters<typeof nextMessage>[0]) {
  const said = await nextMessage(stream)
  t.equal(said?.type, ERROR)
  t.equal(await nextMessage(stream), undefined)
  return said && fieldsOf(said)
}

/** Logins that have a deadline; the compute sleeps far longer. */
function deadlines(): number {
  return clock.sleepingMs.filter(ms => ms <= DEADLINE_MS).length
}
