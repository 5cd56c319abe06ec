import { mock } from 'node:test'
import t from 'tap'
import { build, type Send, until } from '../helper.ts'

const LIMIT = { RATE_LIMIT_PER_MINUTE: '3' }

async function statusesOf(send: () => Promise<{ status: number }>, times: number) {
  const statuses: number[] = []
  for (let n = 0; n < times; n += 1) statuses.push((await send()).status)
  return statuses
}

const list = (as: Send) => () => as('GET', '/tasks')

t.test('the limit of a user', async t => {
  t.test('F12 answers 429 with Retry-After above it, and says before how much is left', async t => {
    const { as } = await build(t, LIMIT)
    const alice = as('alice')

    const first = await alice('GET', '/tasks')
    t.strictSame(await statusesOf(list(alice), 2), [200, 200])
    const refused = await alice('POST', '/tasks', { title: 'x' })

    t.match(first.headers, { 'ratelimit-limit': '3', 'ratelimit-remaining': '2', 'ratelimit-reset': '60' })
    t.match(refused, {
      status: 429,
      headers: { 'content-type': /^application\/problem\+json/, 'retry-after': /^([1-9]|[1-5]\d|60)$/ },
      body: { type: 'about:blank', title: 'Too Many Requests', status: 429, code: 'APP_RATE_LIMITED' }
    })
  })

  t.test('F12 is of the user, whatever address is given, and no other user feels it', async t => {
    const { as } = await build(t, LIMIT)
    const alice = as('alice')

    const statuses = await statusesOf(
      () => alice('GET', '/tasks', undefined, { 'x-forwarded-for': `10.0.0.${Math.random()}` }),
      4
    )

    t.strictSame(statuses, [200, 200, 200, 429])
    t.equal((await as('bob')('GET', '/tasks')).status, 200)
  })

  t.test('counts requests that fail, and those of every method', async t => {
    const { as } = await build(t, LIMIT)
    const alice = as('alice')

    await alice('POST', '/tasks', {})
    await alice('HEAD', '/tasks')
    await alice('DELETE', '/tasks/none')

    t.equal((await alice('GET', '/tasks')).status, 429)
  })

  t.test('ends though the clock of the machine is set back', async t => {
    const { as } = await build(t, { RATE_LIMIT_PER_MINUTE: '1' })
    const alice = as('alice')
    await alice('GET', '/tasks')
    mock.timers.enable({ apis: ['Date'], now: Date.now() - 3_600_000 })
    t.teardown(() => mock.timers.reset())

    const { status, headers } = await as('bob')('GET', '/tasks')
    const refused = await alice('GET', '/tasks')

    t.equal(status, 200)
    t.equal(headers['ratelimit-reset'], '60')
    t.ok(Number(refused.headers['retry-after']) <= 60, 'and not an hour')
  })

  t.test('is off with 0', async t => {
    const { as } = await build(t, { RATE_LIMIT_PER_MINUTE: '0' })

    const { headers } = await as('alice')('GET', '/tasks')

    t.equal(headers['ratelimit-limit'], undefined)
  })

  t.test('is 600 when nothing is set', async t => {
    const { as } = await build(t, { RATE_LIMIT_PER_MINUTE: '' })

    const { headers } = await as('alice')('GET', '/tasks')

    t.equal(headers['ratelimit-limit'], '600')
  })
})

t.test('tokens that sign nobody in', async t => {
  t.test('F12 are limited by address, and a valid one is never refused for them', async t => {
    const { app, as } = await build(t, LIMIT)
    const send = async (headers = {}) => app.inject({ url: '/tasks', headers })

    const answers = []
    for (let n = 0; n < 31; n += 1)
      answers.push(await send({ authorization: 'Bearer nonsense', 'x-forwarded-for': `10.0.0.${n}` }))
    const last = answers.at(-1)

    t.strictSame(
      answers.map(({ statusCode }) => statusCode),
      [...Array.from({ length: 30 }, () => 401), 429]
    )
    t.match(last?.headers, { 'retry-after': /^\d+$/, 'content-type': /^application\/problem\+json/ })
    t.equal(last?.json().code, 'APP_RATE_LIMITED')
    t.equal(answers[0]?.headers['ratelimit-limit'], undefined)
    t.equal((await send()).statusCode, 429, 'without a token as well')
    t.equal((await as('alice')('GET', '/tasks')).status, 200)
  })

  t.test('are not counted when the keys of the issuer cannot be loaded', async t => {
    const { app, token } = await build(t, { ...LIMIT, AUTH_JWKS_URL: 'http://127.0.0.1:9/' })
    const authorization = `Bearer ${await token('alice')}`

    for (let n = 0; n < 31; n += 1)
      t.equal((await app.inject({ url: '/tasks', headers: { authorization } })).statusCode, 503)
  })
})

t.test('probes and metrics are never limited', async t => {
  const { app, as } = await build(t, LIMIT)
  await until(async () => (await app.inject('/readyz')).statusCode === 200)
  await statusesOf(list(as('alice')), 4)

  for (const url of ['/livez', '/readyz', '/startupz', '/metrics']) {
    const statuses = await statusesOf(async () => ({ status: (await app.inject(url)).statusCode }), 50)
    t.strictSame([...new Set(statuses)], [200], url)
  }
})
