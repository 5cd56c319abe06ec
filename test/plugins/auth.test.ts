import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fastify from 'fastify'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import t, { type Test } from 'tap'
import authPlugin from '../../src/plugins/auth.ts'
import errorHandlerPlugin from '../../src/plugins/error-handler.ts'

const ISSUER = 'https://issuer.test'
const AUDIENCE = 'tasks'

async function makeKeys(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: 'one', alg: algorithm } }
}

const keys = await makeKeys()
const others = await makeKeys()

function tokenOf(claims: JWTPayload = {}, { key = keys.privateKey, alg = 'ES256' } = {}) {
  const now = Math.floor(Date.now() / 1000)
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: now, exp: now + 60, ...claims }
  return new SignJWT(payload).setProtectedHeader({ alg, kid: 'one' }).sign(key)
}

async function build(t: Test, jwksUrl?: URL) {
  const directory = t.testdir({ 'jwks.json': JSON.stringify({ keys: [keys.jwk] }) })
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  await app.register(authPlugin, {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: jwksUrl ?? pathToFileURL(join(directory, 'jwks.json'))
  })
  app.get('/me', { onRequest: app.authenticate }, async ({ user }) => user)
  app.get('/open', async ({ user }) => user)
  return async (authorization?: string | string[], url = '/me') =>
    app.inject({
      url,
      headers: authorization === undefined ? {} : ({ authorization } as Record<string, string>)
    })
}

t.test('auth plugin', async t => {
  t.test('gives the request the subject of its token', async t => {
    const get = await build(t)

    const response = await get(`Bearer ${await tokenOf()}`)

    t.equal(response.statusCode, 200)
    t.strictSame(response.json(), { id: 'alice' })
    t.equal((await get(`bearer ${await tokenOf()}`)).statusCode, 200, 'the scheme is case-insensitive')
  })

  t.test('answers 401 with one code and one text, whatever is wrong', async t => {
    const get = await build(t)
    const now = Math.floor(Date.now() / 1000)
    const none = new UnsecuredJWT({ sub: 'alice' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime('1h')
      .encode()
    const secret = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: now + 60 })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(new TextEncoder().encode(JSON.stringify(keys.jwk)))
    const good = await tokenOf()
    const wrong: Record<string, string | undefined> = {
      'no header': undefined,
      'another scheme': `Basic ${good}`,
      'no token': 'Bearer ',
      'two tokens': `Bearer ${good}, Bearer ${good}`,
      'not a token': 'Bearer abc',
      'no signature': `Bearer ${none}`,
      'a signature with the public key as secret': `Bearer ${secret}`,
      "another's signature": `Bearer ${await tokenOf({}, { key: others.privateKey })}`,
      'another issuer': `Bearer ${await tokenOf({ iss: 'https://other.test' })}`,
      'another audience': `Bearer ${await tokenOf({ aud: 'other' })}`,
      'a time that has passed': `Bearer ${await tokenOf({ exp: now - 60 })}`,
      'a time that has not come': `Bearer ${await tokenOf({ nbf: now + 120 })}`,
      'no expiry': `Bearer ${await tokenOf({ exp: undefined })}`,
      'no subject': `Bearer ${await tokenOf({ sub: undefined })}`,
      'an empty subject': `Bearer ${await tokenOf({ sub: '' })}`,
      'a subject of 256 characters': `Bearer ${await tokenOf({ sub: 'a'.repeat(256) })}`,
      'a subject with a NUL': `Bearer ${await tokenOf({ sub: 'a\u0000b' })}`,
      'a subject that is a number': `Bearer ${await tokenOf({ sub: 7 as unknown as string })}`
    }

    for (const [title, authorization] of Object.entries(wrong)) {
      const response = await get(authorization)
      t.equal(response.statusCode, 401, title)
      t.match(
        response.json(),
        { code: 'APP_UNAUTHENTICATED', detail: 'a valid bearer token is required' },
        title
      )
      t.equal(response.headers['www-authenticate'], 'Bearer', title)
    }
  })

  t.test('lets no handler read a user on a route that is not guarded', async t => {
    const get = await build(t)

    t.equal((await get(`Bearer ${await tokenOf()}`, '/open')).statusCode, 401)
  })

  t.test('fetches the keys of a remote issuer, and keeps them', async t => {
    const server = await keyServer(t, () => ({ status: 200, body: JSON.stringify({ keys: [keys.jwk] }) }))
    const get = await build(t, server.url)

    const statuses = [await get(`Bearer ${await tokenOf()}`), await get(`Bearer ${await tokenOf()}`)].map(
      r => r.statusCode
    )

    t.strictSame(statuses, [200, 200])
    t.equal(server.requests(), 1)
  })

  t.test('answers 503, not 401, when it cannot load the keys', async t => {
    const answers = [
      { status: 500, body: 'no' },
      { status: 200, body: '<html>' },
      { status: 200, body: '{"keys":7}' },
      { status: 302, body: '', location: 'https://elsewhere.test/jwks' }
    ]
    for (const answer of answers) {
      const server = await keyServer(t, () => answer)
      const get = await build(t, server.url)
      const response = await get(`Bearer ${await tokenOf()}`)
      t.equal(response.statusCode, 503, JSON.stringify(answer))
      t.equal(response.json().code, 'APP_KEYS_UNAVAILABLE')
    }
    const get = await build(t, new URL('http://127.0.0.1:1/jwks'))
    t.equal((await get(`Bearer ${await tokenOf()}`)).statusCode, 503)
  })

  t.test('does not start with a key file that is not there', async t => {
    await t.rejects(build(t, new URL('file:///nowhere/jwks.json')), { code: 'APP_KEYS_UNAVAILABLE' })
  })
})

interface Answer {
  status: number
  body: string
  location?: string
}

async function keyServer(t: Test, answer: () => Answer) {
  let count = 0
  const server = createServer((_request, response) => {
    count += 1
    const { status, body, location } = answer()
    response
      .writeHead(status, { 'content-type': 'application/json', ...(location ? { location } : {}) })
      .end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: new URL(`http://127.0.0.1:${port}/jwks`), requests: () => count }
}
