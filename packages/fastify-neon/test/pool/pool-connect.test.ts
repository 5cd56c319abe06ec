import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createGate } from '../../../migration-lint/test/lint.ts'
import { NeonClient } from '../../src/client/client.ts'
import { openPool, untilServed } from '../support/pools.ts'
import { AUTHENTICATED, message, scriptedServer } from '../support/scripted-server.ts'

const refusal = (text: string) => Buffer.from(message('E', [...Buffer.from(`SERROR\0CXX000\0M${text}\0`), 0]))

/** Answers each login with the next of these, and the last one for ever. */
async function logins(t: Test, answers: (Buffer | number[])[]) {
  let count = 0
  const server = await scriptedServer(t, socket => {
    socket.send(Buffer.from(answers[Math.min(count++, answers.length - 1)] ?? []))
  })
  return { url: server.url, count: () => count }
}

t.test('a connect', async t => {
  t.test('is tried again within one wait while the compute wakes', async t => {
    const woken = [...AUTHENTICATED]
    const server = await logins(t, [
      refusal("Couldn't connect to compute node"),
      refusal('Control plane request failed'),
      woken
    ])
    const { pool, count } = await openPool(t, {}, server.url)

    const client = await pool.connect()

    t.equal(server.count(), 3)
    t.equal(count('connect-retried'), 2)
    t.equal(count('connect-failed'), 0)
    client.release()
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, connects: 1, connectRetries: 2 })
  })

  t.test('of a client that is checked out is refused, as it is by pg', async t => {
    const { pool } = await openPool(t)
    const client = await pool.connect()

    await t.rejects(client.connect(), { message: /connected already/ })

    t.ok(await client.query('select 1'))
    client.release()
  })

  t.test('with a wrong password is tried once for all who wait', async t => {
    const server = await logins(t, [refusal("password authentication failed for user 'u'")])
    const { pool } = await openPool(t, {}, server.url)

    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => pool.query('select 1')))

    for (const outcome of outcomes)
      t.match(outcome, { status: 'rejected', reason: { code: 'FST_NEON_REFUSED' } })
    t.equal(server.count(), 1)
    t.match(pool.stats(), { total: 0, checkedOut: 0, waiting: 0 })
  })

  t.test('is one at a time while nothing is known of the database', async t => {
    const { url, open } = await createGate(t, await createDatabase(t))
    const { pool, events } = await openPool(t, { max: 5 }, url)
    let most = 0
    pool.observe(() => {
      most = Math.max(most, pool.totalCount)
    })

    const served = Promise.all(Array.from({ length: 40 }, () => pool.query('select 1')))
    await until(() => events.some(({ type }) => type === 'connect-retried'))
    t.equal(most, 0, 'the one that failed is gone, and there is no other')
    open()

    t.equal((await served).length, 40)
    t.ok(most <= 5)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0, connectFailures: 0 })
  })

  t.test('asks for the password each time, so that a rotated one needs no restart', async t => {
    const url = new URL(await createDatabase(t))
    const right = decodeURIComponent(url.password)
    url.password = 'unused'
    const given = ['old', right]
    const { pool } = await openPool(t, { password: async () => given.shift() ?? right }, url.href)

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_REFUSED', reason: 'password' })
    t.equal(given.length, 1, 'one attempt')
    await untilServed(pool)

    t.equal(given.length, 0)
  })

  t.test('fails in time when the password does not come', async t => {
    const { pool } = await openPool(t, {
      connectTimeoutMs: 300,
      password: () => new Promise<string>(() => {})
    })

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_UNREACHABLE' })

    await until(() => pool.totalCount === 0)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })

  t.test('keeps a connection that comes when its caller has gone', async t => {
    const { pool } = await openPool(t)
    const controller = new AbortController()
    const given = pool.checkout({ signal: controller.signal })
    // The try has begun, and no answer can have come.
    await nextTurn()
    t.equal(pool.totalCount, 1)

    controller.abort()
    await t.rejects(given, { code: 'FST_NEON_ABORTED' })

    await until(() => pool.idleCount === 1)
  })

  t.test('is given up when the pool ends', async t => {
    const server = await scriptedServer(t, () => {})
    const { pool } = await openPool(t, {}, server.url)
    const waiting = pool.connect()
    await until(() => server.open() === 1)

    await Promise.all([t.rejects(waiting, { code: 'FST_NEON_CLOSED' }), pool.end()])

    await until(() => server.open() === 0)
    t.equal(pool.totalCount, 0)
  })

  t.test('is refused with a Client that is not one of the pool’s', async t => {
    const { pool } = await openPool(t)
    pool.Client = Object.getPrototypeOf(NeonClient)

    await t.rejects(pool.connect(), { code: 'FST_NEON_REFUSED', cause: { name: 'TypeError' } })
  })

  t.test('waits for a slot of a server that has none free', async t => {
    const databaseUrl = await createDatabase(t)
    const role = new URL(databaseUrl).pathname.slice(1)
    await administer(`create role ${role} login password 'limited' connection limit 0`)
    t.teardown(() => administer(`drop role ${role}`))
    const url = Object.assign(new URL(databaseUrl), { username: role, password: 'limited' }).href
    const { pool, count } = await openPool(t, {}, url)

    const waiting = pool.query('select current_user as name')
    await until(() => count('connect-retried') > 0)
    await administer(`alter role ${role} connection limit 10`)

    t.match(await waiting, { rows: [{ name: role }] })
  })
})
