import { setImmediate as nextTurn } from 'node:timers/promises'
import { inspect } from 'node:util'
import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { runTransaction } from '../../src/transaction/transaction.ts'
import { kill, openPool, pidOf, take, untilIdleFor } from '../support/pools.ts'

t.test('the loss of a client', async t => {
  t.test('while all are idle closes all, with one word about it, and the next user connects', async t => {
    const { pool, count } = await openPool(t)
    const clients = await take(pool, 4)
    const pids = await Promise.all(clients.map(pidOf))
    for (const client of clients) client.release()

    await kill(pids[0])
    await until(() => pool.totalCount === 0)

    t.equal(count('idle-client-lost'), 1)
    t.equal(pool.stats().clientsEvicted, 3)
    t.notOk(pids.includes(await pidOf(pool)))
  })

  t.test('by the suspend of the compute, which ends all at once, is told once', async t => {
    const { pool, count, databaseUrl } = await openPool(t)
    for (const client of await take(pool, 4)) client.release()

    await administer(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pool-test' and datname = current_database()",
      databaseUrl
    )
    await until(() => pool.totalCount === 0)

    t.equal(count('idle-client-lost'), 1)
    t.ok(await pool.query('select 1'))
  })

  t.test('lets those that are out finish, and checks them out no more', async t => {
    const { pool, count } = await openPool(t, { max: 2 })
    const [lost, other] = await take(pool, 2)
    const pid = await pidOf(other ?? pool)

    await kill(await pidOf(lost ?? pool))
    await until(() => count('checked-out-client-lost') === 1)
    t.equal(await pidOf(other ?? pool), pid, 'still served')
    lost?.release()
    other?.release()

    t.equal(pool.totalCount, 0)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0, clientsLost: 1, clientsEvicted: 1 })
  })

  t.test('leaves those alone that connected after it', async t => {
    const { pool, count } = await openPool(t, { max: 3 })
    const [first, second] = await take(pool, 2)
    const pids = [await pidOf(first ?? pool), await pidOf(second ?? pool)]
    await kill(pids[0])
    await until(() => count('checked-out-client-lost') === 1)
    first?.release()
    const pid = await pidOf(pool)

    await kill(pids[1])
    await t.rejects(async () => second?.query('select 1'))
    second?.release()

    t.equal(await pidOf(pool), pid)
    t.equal(pool.stats().clientsEvicted, 1)
  })

  t.test('wakes who waits at once, however long the queue', async t => {
    const { pool } = await openPool(t, { max: 1, checkoutTimeoutMs: 60_000 })
    const client = await pool.connect()
    const waiting = Array.from({ length: 20 }, () => pool.query('select 1'))

    await kill(await pidOf(client))
    await t.rejects(client.query('select 1'))
    client.release()

    t.equal((await Promise.all(waiting)).length, 20)
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('that has not been heard yet is not the next user’s', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const pid = await pidOf(client)
    client.release()
    const { stream } = Reflect.get(client, 'connection')

    stream.ws.terminate()

    t.not(await pidOf(pool), pid)
  })
})

t.test('a client that was idle for longer than a moment', async t => {
  t.test('is checked out again when it is alive', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const pid = await pidOf(pool)
    await untilIdleFor(1100)

    t.equal(await pidOf(pool), pid)
  })

  t.test('is not checked out when its link has broken', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const pid = await pidOf(client)
    client.release()
    await untilIdleFor(1100)

    Reflect.get(client, 'connection').stream.ws.terminate()

    t.not(await pidOf(pool), pid)
  })
})

t.test('a caller that gives up', async t => {
  t.test('in the queue takes no client, and holds up nobody', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const controller = new AbortController()
    const given = pool.checkout({ signal: controller.signal })
    const next = pool.connect()
    await nextTurn()
    t.equal(pool.waitingCount, 2)

    controller.abort(new Error('gone'))
    await t.rejects(given, { code: 'FST_NEON_ABORTED', original: { message: 'gone' } })
    client.release()

    const other = await next
    other.release()
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('before it came is refused', async t => {
    const { pool } = await openPool(t, { max: 1 })

    await t.rejects(pool.checkout({ signal: AbortSignal.abort() }), { code: 'FST_NEON_ABORTED' })

    t.equal(pool.totalCount, 0)
  })

  t.test('while a client is made ready leaves it to the next', async t => {
    const { pool } = await openPool(t, { max: 1 })
    await pool.query('select 1')
    const controller = new AbortController()

    const given = pool.checkout({ signal: controller.signal })
    controller.abort()

    await t.rejects(given, { code: 'FST_NEON_ABORTED' })
    t.match(pool.stats(), { total: 1, idle: 1, checkedOut: 0, waiting: 0 })
  })

  t.test('while the database cannot be reached is not counted as a failure of it', async t => {
    const url = Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
    const { pool, count } = await openPool(t, { max: 1 }, url)

    await t.rejects(pool.checkout({ signal: AbortSignal.timeout(1) }), { code: 'FST_NEON_ABORTED' })

    t.equal(count('connect-failed'), 0)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
  })
})

t.test('a client that is never given back', async t => {
  t.test('is reported with the place that took it', async t => {
    const { pool, events } = await openPool(t, { checkoutWarningMs: 1 })

    const client = await forgetful()
    await until(() => events.some(({ type }) => type === 'long-checkout'))

    const event = events.find(({ type }) => type === 'long-checkout')
    t.match(event, { checkedOutMs: 1, place: /forgetful/ })
    t.equal(pool.stats().longCheckouts, 1)
    client.release()

    function forgetful() {
      return pool.connect()
    }
  })

  t.test('is reported once, and another one after it', async t => {
    const { pool } = await openPool(t, { checkoutWarningMs: 20, max: 2 })
    const first = await pool.connect()
    await until(() => pool.stats().longCheckouts === 1)

    const second = await pool.connect()
    await until(() => pool.stats().longCheckouts === 2)

    first.release()
    second.release()
  })

  t.test('is reported as a transaction when it is one', async t => {
    const { pool, events } = await openPool(t, { checkoutWarningMs: 20 })

    await runTransaction(pool, {}, () => until(() => pool.stats().longCheckouts === 1))

    t.match(
      events.find(({ type }) => type === 'long-checkout'),
      { place: 'a transaction' }
    )
  })
})

t.test('the pool shows', async t => {
  t.test('its numbers, and none of its secrets', async t => {
    const { pool, databaseUrl } = await openPool(t)
    const client = await pool.connect()
    const { password } = new URL(databaseUrl)

    for (const options of [{ showHidden: true, depth: 10 }, { depth: 0 }]) {
      t.notOk(inspect(pool, options).includes(password))
      t.notOk(inspect(client, options).includes(password))
    }
    t.match(inspect(pool), /total: 1,\s+idle: 0,\s+waiting: 0/)
    client.release()
    t.match(pool.stats(), { connects: 1, checkouts: 1, connectMs: Number, checkoutWaitMs: Number })
  })
})
