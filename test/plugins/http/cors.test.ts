import t, { type Test } from 'tap'
import { build } from '../../support/app.ts'
import { holdTable } from '../../support/postgres.ts'

const ORIGIN = 'https://app.example'
const FOREIGN = 'https://evil.example'

const buildWithOrigin = (t: Test, env = {}) =>
  build(t, { CORS_ORIGINS: `http://localhost:5173,${ORIGIN}`, ...env })

function corsHeaders(headers: Record<string, unknown>) {
  return Object.keys(headers).filter(name => name.startsWith('access-control-'))
}

t.test('a page of an origin of the settings', async t => {
  t.test('may read the answers, and the headers that it needs', async t => {
    const { as } = await buildWithOrigin(t)

    const { headers } = await as('alice')('POST', '/tasks', { title: 'x' }, { origin: ORIGIN })
    const exposed = String(headers['access-control-expose-headers']).toLowerCase().split(', ')

    t.match(headers, { 'access-control-allow-origin': ORIGIN, vary: 'Origin' })
    t.strictSame(exposed, [
      'etag',
      'location',
      'retry-after',
      'idempotency-replayed',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset'
    ])
    t.equal(headers['access-control-allow-credentials'], undefined, 'a token is not a cookie')
  })

  t.test('asks before, without a token, and may keep the answer', async t => {
    const { app } = await buildWithOrigin(t)

    for (const url of ['/tasks', '/tasks/11111111-2222-4333-8444-555555555555']) {
      const { statusCode, headers, body } = await app.inject({
        method: 'OPTIONS',
        url,
        headers: {
          origin: ORIGIN,
          'access-control-request-method': 'PATCH',
          'access-control-request-headers': 'authorization,content-type,if-match'
        }
      })
      t.strictSame({ statusCode, body }, { statusCode: 204, body: '' })
      t.match(headers, {
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-allow-headers':
          'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match',
        'access-control-max-age': '7200'
      })
    }
  })

  t.test('may read every refusal', async t => {
    const { app, as, token } = await buildWithOrigin(t, { RATE_LIMIT_PER_MINUTE: '4' })
    const headers = {
      origin: ORIGIN,
      authorization: `Bearer ${await token('alice')}`,
      'content-type': 'application/json'
    }
    const post = (payload: string) => app.inject({ method: 'POST', url: '/tasks', headers, payload })

    const refusals = [
      await app.inject({ url: '/tasks', headers: { origin: ORIGIN } }),
      await app.inject({ url: '/nowhere', headers }),
      await post('{}'),
      await post('x'.repeat(200_000)),
      await app.inject({ url: '/tasks/11111111-2222-4333-8444-555555555555', headers }),
      await app.inject({
        method: 'POST',
        url: '/tasks',
        headers: { ...headers, 'content-type': 'text/plain' },
        payload: 'x'
      }),
      await app.inject({ url: '/tasks', headers })
    ]

    t.strictSame(
      refusals.map(({ statusCode }) => statusCode),
      [401, 404, 400, 413, 404, 415, 429]
    )
    for (const { statusCode, headers } of refusals)
      t.equal(headers['access-control-allow-origin'], ORIGIN, `${statusCode}`)
    t.equal((await as('bob')('GET', '/tasks', undefined, { origin: ORIGIN })).status, 200)
  })

  t.test('may read that the database does not answer', async t => {
    const { as, databaseUrl } = await buildWithOrigin(t, { DATABASE_STATEMENT_TIMEOUT_MS: '500' })
    await holdTable(t, databaseUrl)

    const { status, headers } = await as('alice')('GET', '/tasks', undefined, { origin: ORIGIN })

    t.strictSame([status, headers['access-control-allow-origin']], [503, ORIGIN])
  })

  t.test('is known before the first hook that refuses a request, that of a server that closes', async t => {
    const { app } = await buildWithOrigin(t)

    const names = [...app.printPlugins().matchAll(/ ([@\w/-]+) \d+ ms/g)].map(([, name]) => name)

    t.ok(names.includes('connections'))
    t.ok(names.indexOf('@fastify/cors') < names.indexOf('connections'))
    t.ok(names.indexOf('@fastify/cors') >= 0)
  })
})

t.test('a page of any other origin', async t => {
  for (const origin of [
    FOREIGN,
    'null',
    `${ORIGIN}.evil.example`,
    'http://app.example',
    ORIGIN.toUpperCase(),
    `${ORIGIN}:443`
  ]) {
    t.test(`such as ${origin} gets not a word of CORS`, async t => {
      const { app, as } = await buildWithOrigin(t)

      const asked = await app.inject({
        method: 'OPTIONS',
        url: '/tasks',
        headers: { origin, 'access-control-request-method': 'GET' }
      })
      const answer = await as('alice')('GET', '/tasks', undefined, { origin })
      const refused = await app.inject({ url: '/tasks', headers: { origin } })

      t.equal(asked.statusCode, 405)
      for (const { headers } of [asked, answer, refused]) t.strictSame(corsHeaders(headers), [])
      t.equal(answer.headers.vary, 'Origin', 'so that nobody keeps the one answer for the other')
    })
  }

  t.test('is every page when nothing is set, and a request of no page gets none either', async t => {
    const { as } = await build(t)
    const { as: asWithOrigin } = await buildWithOrigin(t)

    const off = await as('alice')('GET', '/tasks', undefined, { origin: ORIGIN })
    const curl = await asWithOrigin('alice')('GET', '/tasks')

    t.strictSame([...corsHeaders(off.headers), ...corsHeaders(curl.headers)], [])
    t.equal(off.headers.vary, undefined)
  })
})
