/**
 * What is tried against sign-in. The numbers are those of test/security/README.md.
 */
import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { CompactEncrypt, CompactSign, exportPKCS8, exportSPKI, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { SERVER_LIMITS } from '../../../src/limits.ts'
import { keyServer } from './key-server.ts'
import {
  AUDIENCE,
  buildGuarded,
  claimsOf,
  ISSUER,
  keys,
  makeKeys,
  nowSeconds,
  others,
  tokenOf
} from './tokens.ts'

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Each of them is answered 401, and a good token beside them 200. */
async function refuses(t: Test, tokens: Record<string, string>, options = {}) {
  const { statusOf } = await buildGuarded(t, options)
  for (const [title, token] of Object.entries(tokens)) t.equal(await statusOf(token), 401, title)
}

t.test('G1 a token without a signature', async t => {
  const good = await tokenOf()
  const [, payload = '', signature = ''] = good.split('.')
  const tokens: Record<string, string> = {}
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined]) {
    const header = encode({ alg, kid: 'one' })
    tokens[`alg ${alg}`] = `${header}.${payload}.`
    tokens[`alg ${alg} with a signature`] = `${header}.${payload}.${signature}`
  }
  const [head = ''] = good.split('.')

  await refuses(t, { ...tokens, 'the good one without its signature': `${head}.${payload}.` })
})

t.test('G2 a public key as the secret of HS256', async t => {
  const rsa = await makeKeys('RS256')
  const pem = await exportSPKI(rsa.publicKey)
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const secrets = {
    PEM: pem,
    'PEM without its last line break': pem.trimEnd(),
    'PEM behind a space': ` ${pem}`,
    'PEM with other line ends': pem.replaceAll('\n', '\r\n'),
    DER: der,
    'PKCS 1 in DER': der.subarray(24),
    JWK: JSON.stringify(rsa.jwk),
    nothing: ''
  }
  const signed = `${encode({ alg: 'HS256', kid: 'one' })}.${encode(claimsOf())}`
  const tokens = Object.fromEntries(
    Object.entries(secrets).map(([title, secret]) => [
      title,
      `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    ])
  )

  await refuses(t, tokens, { set: [rsa.jwk] })
  const { statusOf } = await buildGuarded(t, { set: [rsa.jwk] })
  t.equal(await statusOf(await tokenOf({}, { key: rsa.privateKey, header: { alg: 'RS256' } })), 200)
})

t.test('G3 a token that brings its own key', async t => {
  const server = await keyServer(t, () => ({ status: 200, body: JSON.stringify({ keys: [others.jwk] }) }))
  const byOther = (header: object) => tokenOf({}, { key: others.privateKey, header })
  const url = server.url.href

  await refuses(t, {
    jwk: await byOther({ jwk: others.jwk }),
    jku: await byOther({ jku: url }),
    x5u: await byOther({ x5u: url }),
    x5c: await byOther({ x5c: [Buffer.from(await exportPKCS8(others.privateKey)).toString('base64')] }),
    'crit that nobody knows': `${encode({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 })}.${encode(claimsOf())}.AA`,
    'crit that jose knows, and our signature': await tokenOf({}, { header: { crit: ['b64'], b64: true } }),
    'a kid that is a path': await byOther({ kid: '../../one' }),
    'a kid that is SQL': await byOther({ kid: "one' or '1'='1" }),
    'a kid of 10 KB': await byOther({ kid: 'x'.repeat(10_000) }),
    'a kid that is none': await byOther({ kid: undefined })
  })
  t.equal(server.requests(), 0, 'nothing is fetched')
})

t.test('G4 a token of another time', async t => {
  const now = nowSeconds()
  const tokens: Record<string, string> = {}
  const wrong: Record<string, object> = {
    expired: { exp: now - 31 },
    'expired for long': { exp: 1 },
    'not valid yet': { nbf: now + 60 },
    'issued later': { iat: now + 60 },
    'without exp': { exp: undefined },
    'exp as text': { exp: `${now + 60}` },
    'exp as a boolean': { exp: true },
    'exp as null, as which JSON has NaN': { exp: Number.NaN },
    'exp behind the end of time': { exp: 1e308 },
    'iat as text': { iat: 'now' },
    'nbf as text': { nbf: 'now' }
  }
  // SignJWT refuses some of these, so they are signed as they are.
  for (const [title, claims] of Object.entries(wrong))
    tokens[title] = await new CompactSign(Buffer.from(JSON.stringify(claimsOf(claims))))
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(keys.privateKey)

  await refuses(t, tokens)
  const { statusOf } = await buildGuarded(t)
  for (const claims of [{ exp: now - 20 }, { nbf: now + 20 }, { iat: now + 20 }, { iat: undefined }])
    t.equal(await statusOf(await tokenOf(claims)), 200, `two clocks differ: ${JSON.stringify(claims)}`)
})

t.test('G5 a token for somebody else', async t => {
  const typed = (typ: unknown) => tokenOf({}, { header: { typ } })
  await refuses(t, {
    'another audience': await tokenOf({ aud: 'other' }),
    'no audience': await tokenOf({ aud: undefined }),
    'a list of other audiences': await tokenOf({ aud: ['one', 'two'] }),
    'an audience that begins like ours': await tokenOf({ aud: `${AUDIENCE}-admin` }),
    'another issuer': await tokenOf({ iss: 'https://other.test' }),
    'the issuer with a slash': await tokenOf({ iss: `${ISSUER}/` }),
    'no issuer': await tokenOf({ iss: undefined }),
    'a list of issuers': await tokenOf({ iss: [ISSUER] }),
    'a logout token': await typed('logout+jwt'),
    'a proof of possession': await typed('dpop+jwt'),
    'an ID token by type': await typed('id_token'),
    'no subject': await tokenOf({ sub: undefined }),
    'an empty subject': await tokenOf({ sub: '' }),
    'a subject that is a list': await tokenOf({ sub: ['alice'] }),
    'a subject that is null': await tokenOf({ sub: null })
  })

  const { statusOf } = await buildGuarded(t)
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt'])
    t.equal(await statusOf(await typed(typ)), 200, typ)
  t.equal(await statusOf(await tokenOf({ aud: [AUDIENCE, 'other'] })), 200, 'one of several audiences')
  const { statusOf: strictly } = await buildGuarded(t, { tokenType: 'at+jwt' })
  t.equal(await strictly(await typed('at+jwt')), 200)
  for (const typ of ['JWT', undefined]) t.equal(await strictly(await typed(typ)), 401, `${typ}`)
})

t.test('G6 a flood of keys that nobody knows asks the issuer once', async t => {
  const server = await keyServer(t, () => ({ status: 200, body: JSON.stringify({ keys: [keys.jwk] }) }))
  const { statusOf } = await buildGuarded(t, { jwksUrl: server.url })

  const tokens = await Promise.all(
    Array.from({ length: 200 }, (_, kid) => tokenOf({}, { header: { kid: `${kid}` } }))
  )
  const statuses = await Promise.all(tokens.map(statusOf))

  t.strictSame(new Set(statuses), new Set([401]))
  t.equal(server.requests(), 1)
})

t.test('G9 a token that comes in another way', async t => {
  const { app, get } = await buildGuarded(t)
  const good = await tokenOf()
  const raw = (...headers: string[]) =>
    new Promise<number | undefined>((resolve, reject) => {
      const [address] = app.addresses()
      const port = typeof address === 'object' ? address.port : 0
      const sent = request({ port, host: '127.0.0.1', path: '/me', headers }, answer => {
        answer.resume()
        resolve(answer.statusCode)
      })
      sent.on('error', reject).end()
    })
  await app.listen({ port: 0, host: '127.0.0.1' })

  t.equal((await get(undefined, `/me?access_token=${good}`)).statusCode, 401, 'in the query')
  t.equal(await raw('host', 'x', 'authorization', `Bearer ${good}`), 200)
  t.equal(
    await raw('host', 'x', 'authorization', `Bearer ${good}`, 'Authorization', 'Bearer x'),
    400,
    'twice'
  )
  t.equal(
    await raw('host', 'x', 'authorization', 'Bearer x', 'authorization', `Bearer ${good}`),
    400,
    'twice'
  )
  t.equal(await raw('host', 'x', 'proxy-authorization', `Bearer ${good}`), 401)
})

t.test('G10 a token that is too large', async t => {
  const { get } = await buildGuarded(t)
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`claim${index}`, index]))
  const large = await tokenOf(many)

  t.ok(large.length > SERVER_LIMITS.http.maxHeaderSize, 'the server refuses its headers with 431')
  t.equal((await get(`Bearer ${'a'.repeat(1_000_000)}`)).statusCode, 401)
  t.equal((await get(`Bearer ${'a.'.repeat(500_000)}`)).statusCode, 401)

  const twice = await new CompactSign(
    Buffer.from(JSON.stringify(claimsOf()).replace('"sub":"alice"', '"sub":"bob","sub":"alice"'))
  )
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(keys.privateKey)
  t.strictSame((await get(`Bearer ${twice}`)).json(), { id: 'alice' }, 'the last of two, as JSON has it')
})

t.test('G11 the tokens of two users, at once and in turns, are not confused', async t => {
  const { get } = await buildGuarded(t)
  const users = ['alice', 'bob', 'carol']
  const tokens = await Promise.all(users.map(sub => tokenOf({ sub })))

  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, index) => get(`Bearer ${tokens[index % users.length]}`))
  )

  t.ok(answers.every((answer, index) => answer.json().id === users[index % users.length]))
})

t.test('G12 a token of another make', async t => {
  const p384 = await makeKeys('ES384')
  const good = await tokenOf()
  const [head = '', payload = ''] = good.split('.')
  const secret = new Uint8Array(32)
  await refuses(t, {
    encrypted: await new CompactEncrypt(Buffer.from(JSON.stringify(claimsOf())))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: 'one' })
      .encrypt(secret),
    'a token in a token': await new CompactSign(Buffer.from(good))
      .setProtectedHeader({ alg: 'ES256', kid: 'one', cty: 'JWT' })
      .sign(keys.privateKey),
    'r and s of zero': `${head}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    'another curve': await new SignJWT(claimsOf())
      .setProtectedHeader({ alg: 'ES384', kid: 'one' })
      .sign(p384.privateKey),
    'unencoded payload': `${encode({ alg: 'ES256', kid: 'one', b64: false, crit: ['b64'] })}.${payload}.AA`,
    'four parts': `${good}.AA`,
    'a payload that is no JSON': await new CompactSign(Buffer.from('alice'))
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(keys.privateKey)
  })
})
