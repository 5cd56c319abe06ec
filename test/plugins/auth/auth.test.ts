import { mock } from 'node:test'
import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { keyServer } from './key-server.ts'
import { AUDIENCE, buildGuarded, ISSUER, keys, nowSeconds, others, tokenOf } from './tokens.ts'

t.test('auth plugin', async t => {
  t.test('gives the request the subject of its token', async t => {
    const { get } = await buildGuarded(t)

    const response = await get(`Bearer ${await tokenOf()}`)

    t.equal(response.statusCode, 200)
    t.strictSame(response.json(), { id: 'alice' })
    t.equal((await get(`bearer ${await tokenOf()}`)).statusCode, 200, 'the scheme is case-insensitive')
  })

  t.test('answers 401 with one code and one text, whatever is wrong, and logs the reason', async t => {
    const { get, logs } = await buildGuarded(t)
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
    const wrong: Record<string, [authorization: string | undefined, reason: string | undefined]> = {
      'no header': [undefined, undefined],
      'another scheme': [`Basic ${good}`, 'malformed'],
      'no token': ['Bearer ', 'malformed'],
      'two tokens': [`Bearer ${good}, Bearer ${good}`, 'malformed'],
      'not a token': ['Bearer abc', 'malformed'],
      'no signature': [`Bearer ${none}`, 'algorithm'],
      'a signature with the public key as secret': [`Bearer ${secret}`, 'algorithm'],
      "another's signature": [`Bearer ${await tokenOf({}, { key: others.privateKey })}`, 'signature'],
      'another issuer': [`Bearer ${await tokenOf({ iss: 'https://other.test' })}`, 'issuer'],
      'another audience': [`Bearer ${await tokenOf({ aud: 'other' })}`, 'audience'],
      'a time that has passed': [`Bearer ${await tokenOf({ exp: now - 60 })}`, 'expiry'],
      'a time that has not come': [`Bearer ${await tokenOf({ nbf: now + 120 })}`, 'not-before'],
      'no expiry': [`Bearer ${await tokenOf({ exp: undefined })}`, 'expiry'],
      'no subject': [`Bearer ${await tokenOf({ sub: undefined })}`, 'subject'],
      'an empty subject': [`Bearer ${await tokenOf({ sub: '' })}`, 'subject'],
      'a subject of 256 characters': [`Bearer ${await tokenOf({ sub: 'a'.repeat(256) })}`, 'subject'],
      'a subject with a NUL': [`Bearer ${await tokenOf({ sub: 'a\u0000b' })}`, 'subject'],
      'a subject that is a number': [`Bearer ${await tokenOf({ sub: 7 })}`, 'subject']
    }

    for (const [title, [authorization, reason]] of Object.entries(wrong)) {
      logs.length = 0
      const response = await get(authorization)
      const [line] = logs.filter(({ msg }) => msg === 'token refused')
      t.equal(line?.reason, reason, title)
      if (reason) t.match(line, { level: 30, reqId: String }, title)
      t.notMatch(JSON.stringify(logs), /eyJ/, 'no token is in the log')
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
    const { get } = await buildGuarded(t)

    t.equal((await get(`Bearer ${await tokenOf()}`, '/open')).statusCode, 401)
  })

  t.test('fetches the keys of a remote issuer, and keeps them', async t => {
    const server = await keyServer(t, () => ({ status: 200, body: JSON.stringify({ keys: [keys.jwk] }) }))
    const { get } = await buildGuarded(t, { jwksUrl: server.url })

    const statuses = [await get(`Bearer ${await tokenOf()}`), await get(`Bearer ${await tokenOf()}`)].map(
      r => r.statusCode
    )

    t.strictSame(statuses, [200, 200])
    t.equal(server.requests(), 1)
  })

  t.test('checks the signature of a token once', async t => {
    const { statusOf } = await buildGuarded(t)
    const [token, another] = [await tokenOf(), await tokenOf({ sub: 'bob' })]
    const verifications = t.capture(crypto.subtle, 'verify', crypto.subtle.verify)

    for (let times = 0; times < 3; times += 1) t.equal(await statusOf(token), 200)
    t.equal(verifications().length, 1)

    await statusOf(another)
    await statusOf(`${token.slice(0, -4)}AAAA`)
    t.equal(verifications().length, 2)
  })

  t.test('refuses a token that it has taken before', async t => {
    const body = { keys: [keys.jwk] }
    const server = await keyServer(t, () => ({ status: 200, body: JSON.stringify(body) }))
    const refusalOf = async ({ get, logs }: Awaited<ReturnType<typeof buildGuarded>>, token: string) => {
      t.equal((await get(`Bearer ${token}`)).statusCode, 401)
      return logs.filter(({ msg }) => msg === 'token refused').at(-1)?.reason
    }

    await t.test('when its time has passed, and has not come by a clock that was set back', async t => {
      const guarded = await buildGuarded(t)
      const now = nowSeconds()
      const token = await tokenOf({ nbf: now, exp: now + 60 })
      mock.timers.enable({ apis: ['Date'], now: now * 1000 })
      t.teardown(() => mock.timers.reset())
      t.equal(await guarded.statusOf(token), 200)

      mock.timers.setTime((now + 89) * 1000)
      t.equal(await guarded.statusOf(token), 200, 'clocks differ')
      mock.timers.setTime((now + 90) * 1000)
      t.equal(await refusalOf(guarded, token), 'expiry')
      mock.timers.setTime((now - 31) * 1000)
      t.equal(await refusalOf(guarded, token), 'not-before')
    })

    await t.test('when the issuer has taken its key away, or has put another in its place', async t => {
      const guarded = await buildGuarded(t, { jwksUrl: server.url })
      const token = await tokenOf()
      t.equal(await guarded.statusOf(token), 200)
      const real = performance.now.bind(performance)
      let passedMs = 0
      t.intercept(performance, 'now', { value: () => real() + passedMs })

      body.keys = [others.jwk]
      t.equal(await guarded.statusOf(token), 200, 'keys are kept for ten minutes')
      passedMs = 10 * 60_000
      t.equal(await refusalOf(guarded, token), 'signature')
      body.keys = []
      passedMs *= 2
      t.equal(await refusalOf(guarded, token), 'unknown-key')
    })
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
      const { get } = await buildGuarded(t, { jwksUrl: server.url })
      const response = await get(`Bearer ${await tokenOf()}`)
      t.equal(response.statusCode, 503, JSON.stringify(answer))
      t.equal(response.json().code, 'APP_KEYS_UNAVAILABLE')
    }
    const { get } = await buildGuarded(t, { jwksUrl: new URL('http://127.0.0.1:1/jwks') })
    t.equal((await get(`Bearer ${await tokenOf()}`)).statusCode, 503)
  })

  t.test('answers 503 when the key of the issuer is broken', async t => {
    const { statusOf } = await buildGuarded(t, { set: [{ ...keys.jwk, x: 'AA' }] })

    t.equal(await statusOf(await tokenOf()), 503)
  })

  t.test('does not start with a key file that is not there', async t => {
    await t.rejects(buildGuarded(t, { jwksUrl: new URL('file:///nowhere/jwks.json') }), {
      code: 'APP_KEYS_UNAVAILABLE'
    })
  })
})
