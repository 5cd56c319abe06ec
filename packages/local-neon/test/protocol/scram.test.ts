import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { FRONTEND, int32, message, readMessage } from '../../src/protocol/messages.ts'
import { exchange, matches, parseVerifier } from '../../src/protocol/scram.ts'
import { authenticate, type ScramClient, verifierOf, written } from '../fixtures/scram-client.ts'

/** Few, so that a property has time for many runs. */
const ITERATIONS = 2

t.test('what Postgres keeps of a password', async t => {
  // Of the password `pencil` and the salt in the example of RFC 7677.
  const text =
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='

  t.test('is read', async t => {
    const verifier = parseVerifier(text)

    t.match(verifier, { iterations: 4096 })
    t.equal(verifier?.salt.toString('base64'), 'W22ZaJ0SNY7soEsUEjb6gQ==')
    t.equal(verifier?.storedKey.length, 32)
    t.equal(verifier?.serverKey.length, 32)
  })

  t.test('matches its password', async t => {
    const verifier = parseVerifier(text)

    t.equal(verifier && (await matches('pencil', verifier)), true)
    t.equal(verifier && (await matches('pencils', verifier)), false)
  })

  for (const other of [
    undefined,
    '',
    'md5a3556571e93b0d20722ba62be61e8c2d',
    'SCRAM-SHA-256$4096:c2FsdA==$a2V5',
    'SCRAM-SHA-256$many:c2FsdA==$a2V5:a2V5',
    'SCRAM-SHA-256$0:c2FsdA==$a2V5:a2V5',
    'SCRAM-SHA-256$99999999999:c2FsdA==$a2V5:a2V5'
  ]) {
    t.test(`is nothing to check against: ${other}`, async t => {
      t.equal(parseVerifier(other), undefined)
    })
  }

  t.test('is read or not, whatever it is', async t => {
    const anyText = fc
      .array(fc.oneof(fc.string(), fc.constantFrom('SCRAM-SHA-256$', '4096', ':', '$', 'c2FsdA==')))
      .map(parts => parts.join(''))

    await fc.assert(
      fc.asyncProperty(anyText, async any => {
        const verifier = parseVerifier(any)
        if (verifier && verifier.iterations < 10_000) assert.equal(await matches('', verifier), false)
      }),
      { numRuns: 1000 }
    )
    t.pass('in all runs')
  })
})

t.test('the password in the clear', async t => {
  t.test('matches in each form that Unicode has for it', async t => {
    t.equal(await matches('cafe\u0301', verifierOf('caf\u00e9')), true)
  })
})

t.test('the exchange', async t => {
  t.test('shows both sides that the other one knows the password', async t => {
    const verifier = verifierOf('secret')

    const { isAuthentic, signature } = await play({ password: 'secret' }, verifier)

    t.equal(isAuthentic, true)
    t.equal(Buffer.from(signature ?? '', 'base64').length, 32)
  })

  t.test('goes well with a client that would bind to a channel', async t => {
    t.match(await play({ password: 'secret', header: 'y,,' }, verifierOf('secret')), { isAuthentic: true })
  })

  t.test('goes well with the name in it, which is not looked at', async t => {
    t.match(await play({ password: 'secret', user: '' }, verifierOf('secret')), { isAuthentic: true })
  })

  t.test('refuses another password', async t => {
    t.match(await play({ password: 'Secret' }, verifierOf('secret')), {
      isAuthentic: false,
      signature: undefined
    })
  })

  t.test('takes place without a verifier too, and refuses', async t => {
    t.match(await play({ password: '' }, undefined), { isAuthentic: false })
  })

  t.test('refuses every proof that was altered', async t => {
    const verifier = verifierOf('secret', ITERATIONS)
    const anyChange = fc.record({ at: fc.nat(31), by: fc.integer({ min: 1, max: 255 }) })

    await fc.assert(
      fc.asyncProperty(anyChange, async ({ at, by }) => {
        const { isAuthentic } = await play(
          {
            password: 'secret',
            alter: ({ bare, proof }) => {
              proof.writeUInt8(proof.readUInt8(at) ^ by, at)
              return written({ bare, proof })
            }
          },
          verifier
        )
        assert.equal(isAuthentic, false)
      }),
      { numRuns: 200 }
    )
    t.pass('in all runs')
  })

  t.test('takes any password that is the right one', async t => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async password => {
        const { isAuthentic } = await play({ password }, verifierOf(password, ITERATIONS))
        assert.equal(isAuthentic, true)
      }),
      { numRuns: 200 }
    )
    t.pass('in all runs')
  })

  for (const [name, alter] of [
    [
      'a proof with more behind it',
      ({ bare, proof }) => written({ bare, proof: Buffer.concat([proof, proof]) })
    ],
    ['a proof that is too short', ({ bare, proof }) => written({ bare, proof: proof.subarray(1) })],
    ['no proof', ({ bare }) => `${bare},p=`],
    ['a nonce of its own', ({ bare, proof }) => written({ bare: bare.replace('r=', 'r=x'), proof })],
    ['another channel', ({ bare, proof }) => written({ bare: bare.replace('biws', 'eSws'), proof })]
  ] satisfies Array<[string, ScramClient['alter']]>) {
    t.test(`refuses ${name}`, async t => {
      t.match(await play({ password: 'secret', alter }, verifierOf('secret')), { isAuthentic: false })
    })
  }

  for (const [name, client] of [
    ['another mechanism', { password: 'secret', mechanism: 'SCRAM-SHA-256-PLUS' }],
    ['no message of SCRAM', { password: 'secret', alter: () => 'nothing of the kind' }]
  ] satisfies Array<[string, ScramClient]>) {
    t.test(`breaks off with ${name}`, async t => {
      await t.rejects(play(client, verifierOf('secret')), { name: 'UnexpectedMessageError' })
    })
  }

  t.test('breaks off with a message that is no password', async t => {
    const { server, client } = pair()
    const exchanged = exchange(server, verifierOf('secret'))
    await readMessage(client)

    client.write(message(FRONTEND.QUERY, 'SELECT 1\0'))

    await t.rejects(exchanged, { name: 'UnexpectedMessageError', message: 'a password was expected' })
  })

  t.test('breaks off with a first message without a mechanism', async t => {
    const { server, client } = pair()
    const exchanged = exchange(server, verifierOf('secret'))
    await readMessage(client)

    client.write(message(FRONTEND.PASSWORD, int32(1)))

    await t.rejects(exchanged, { name: 'UnexpectedMessageError' })
  })
})

t.test('the exchange with a channel binding', async t => {
  const CHANNEL = Buffer.from('hash of the certificate')
  const BOUND = {
    password: 'secret',
    mechanism: 'SCRAM-SHA-256-PLUS',
    header: 'p=tls-server-end-point,,',
    binding: CHANNEL
  }

  t.test('lets a client bind to the channel, and another go without', async t => {
    t.match(await play(BOUND, verifierOf('secret'), CHANNEL), { isAuthentic: true })
    t.match(await play({ password: 'secret' }, verifierOf('secret'), CHANNEL), { isAuthentic: true })
  })

  t.test('refuses a client that is bound to another channel', async t => {
    const elsewhere = { ...BOUND, binding: Buffer.from('hash of another') }

    t.match(await play(elsewhere, verifierOf('secret'), CHANNEL), { isAuthentic: false })
  })

  for (const [name, client] of [
    ['that believes it was not offered a binding', { password: 'secret', header: 'y,,' }],
    ['that asks for a binding and names no channel', { ...BOUND, header: 'n,,' }],
    ['that names a channel and asks for no binding', { ...BOUND, mechanism: 'SCRAM-SHA-256' }]
  ] satisfies Array<[string, ScramClient]>) {
    t.test(`breaks off with a client ${name}`, async t => {
      await t.rejects(play(client, verifierOf('secret'), CHANNEL), { name: 'UnexpectedMessageError' })
    })
  }
})

async function play(
  client: ScramClient,
  verifier: ReturnType<typeof parseVerifier>,
  channelBinding?: Buffer
) {
  const { server, client: stream } = pair()
  const signature = authenticate(stream, client).catch(() => undefined)
  const isAuthentic = await exchange(server, verifier, channelBinding).finally(() => server.end())
  return { isAuthentic, signature: await signature }
}

/** Two streams, each of which reads what is written to the other. */
function pair(): { server: Duplex; client: Duplex } {
  const server = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => pass(client, chunk, done),
    final
  })
  const client = new Duplex({ read() {}, write: (chunk, _encoding, done) => pass(server, chunk, done) })
  return { server, client }

  function pass(to: Duplex, chunk: Buffer, done: () => void) {
    to.push(chunk)
    done()
  }

  function final(done: () => void) {
    client.push(null)
    done()
  }
}
