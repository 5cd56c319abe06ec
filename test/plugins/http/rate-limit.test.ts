import t from 'tap'
import { REDIS_LIMITS } from '../../../src/limits.ts'
import { build, type Send, type TestApp, until } from '../../support/app.ts'
import { NO_REDIS, openRedis } from '../../support/redis.ts'

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

t.test('the limit with a Redis', { skip: NO_REDIS }, async t => {
  const told = ({ logs }: TestApp, text: RegExp) => logs.filter(({ msg }) => text.test(String(msg))).length
  const LOST = /^redis does not answer/
  const FOUND = /^redis answers again/

  t.test('is one for all processes, of a user and of an address', async t => {
    // This machine may be busier than a network is slow.
    t.intercept(REDIS_LIMITS, 'answerTimeoutMs', { value: 60_000 })
    const { url } = await openRedis(t)
    const [one, other] = [
      await build(t, { ...LIMIT, REDIS_URL: url }),
      await build(t, { ...LIMIT, REDIS_URL: url })
    ]

    t.strictSame(await statusesOf(list(one.as('alice')), 2), [200, 200])
    t.match((await other.as('alice')('GET', '/tasks')).headers, { 'ratelimit-remaining': '0' })
    t.match(await one.as('alice')('GET', '/tasks'), { status: 429, headers: { 'retry-after': /^\d+$/ } })
    t.strictSame(await statusesOf(list(other.as('bob')), 1), [200])
    const guess = (app: TestApp) => async () => ({ status: (await app.app.inject('/tasks')).statusCode })
    await statusesOf(guess(one), 20)
    t.strictSame(await statusesOf(guess(other), 11), [...Array(10).fill(401), 429])
    t.equal(told(one, LOST), 0)
  })

  t.test('is that of each process while it is down, which is said once', async t => {
    t.intercept(REDIS_LIMITS, 'answerTimeoutMs', { value: 60_000 })
    const redis = await openRedis(t)
    const [one, other] = [
      await build(t, { ...LIMIT, REDIS_URL: redis.url }),
      await build(t, { ...LIMIT, REDIS_URL: redis.url })
    ]
    await redis.stop()
    await until(() => told(one, LOST) + told(other, LOST) === 2)

    for (const app of [one, other])
      t.strictSame(await statusesOf(list(app.as('alice')), 4), [200, 200, 200, 429])
    await redis.start()
    await until(() => told(one, FOUND) + told(other, FOUND) === 2)

    t.strictSame(await statusesOf(list(one.as('alice')), 2), [200, 200], 'counted together again')
    t.strictSame(await statusesOf(list(other.as('alice')), 2), [200, 429])
    t.equal(told(one, LOST), 1)
  })

  t.test('is that of each process when it falls silent, and nobody waits for it', async t => {
    const redis = await openRedis(t)
    const app = await build(t, { ...LIMIT, REDIS_URL: redis.url })
    redis.silence()

    const startedAt = performance.now()
    const first = await app.as('alice')('GET', '/tasks')
    t.equal(first.status, 200)
    t.ok(performance.now() - startedAt < 10_000)
    await until(() => told(app, LOST) === 1)

    t.strictSame(await statusesOf(list(app.as('alice')), 4), [200, 200, 200, 429])
  })

  t.test('is that of each process when it is not there at the start', async t => {
    const app = await build(t, { ...LIMIT, REDIS_URL: 'redis://127.0.0.1:1' })

    t.strictSame(await statusesOf(list(app.as('alice')), 4), [200, 200, 200, 429])
    t.equal(told(app, LOST), 1)
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
