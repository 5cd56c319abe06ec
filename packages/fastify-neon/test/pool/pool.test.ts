import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { POOL_DEFAULTS, poolLimits } from '../../src/pool/pool.ts'
import { kill, openPool, pidOf } from '../support/pools.ts'
import { AUTHENTICATED, message, scriptedServer } from '../support/scripted-server.ts'

t.test('the pool', async t => {
  t.test('answers a query through the WebSocket', async t => {
    const { pool, events } = await openPool(t)

    const { rows } = await pool.query('select 1 as one')

    t.strictSame(rows, [{ one: 1 }])
    t.match(events, [{ type: 'connected' }, { type: 'checked-out' }])
  })

  t.test('tells which connection is its only one', async t => {
    const { pool, events } = await openPool(t)
    const [one, other] = await Promise.all([pool.connect(), pool.connect()])
    one.release(true)
    other.release(true)
    await pool.query('select 1')

    t.strictSame(
      events.flatMap(event => (event.type === 'connected' ? [event.isOnly] : [])),
      [true, false, true]
    )
  })

  t.test('never has more clients than its maximum, and serves all who come', async t => {
    const { pool } = await openPool(t, { max: 3 })
    let most = 0

    const results = await Promise.all(
      Array.from({ length: 150 }, async (_, number) => {
        const { rows } = await pool.query('select $1::int as number', [number])
        most = Math.max(most, pool.totalCount)
        return rows[0]?.number
      })
    )

    t.strictSame(
      results,
      Array.from({ length: 150 }, (_, number) => number)
    )
    t.equal(most, 3)
    t.equal(pool.waitingCount, 0)
  })

  t.test('passes a client to a callback, as pg-pool does', async t => {
    const { pool } = await openPool(t)

    const rows = await new Promise((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (error || !client) return reject(error)
        client
          .query('select 1 as one')
          .finally(release)
          .then(result => resolve(result.rows), reject)
      })
    })

    t.strictSame(rows, [{ one: 1 }])
    t.equal(pool.idleCount, 1)
  })

  t.test('refuses a checkout that waits too long', async t => {
    const { pool } = await openPool(t, { max: 1, checkoutTimeoutMs: 20 })
    const client = await pool.connect()

    await t.rejects(pool.connect(), { code: 'FST_NEON_EXHAUSTED' })

    client.release()
    t.ok(await pool.query('select 1'))
  })

  t.test('survives the loss of an idle client, and connects again', async t => {
    const { pool, events } = await openPool(t)
    const pid = await pidOf(pool)

    await kill(pid)
    await until(() => pool.totalCount === 0)

    t.match(events.at(-1), { type: 'idle-client-lost', failure: { kind: 'lost' } })
    t.not(await pidOf(pool), pid)
  })

  t.test('survives the loss of a client that is out, and does not check it out again', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const pid = await pidOf(client)

    await kill(pid)
    await t.rejects(client.query('select 1'))
    client.release()

    t.not(await pidOf(pool), pid)
  })

  t.test('wakes the next waiter when a dead client comes back', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const next = pool.connect()

    await kill(await pidOf(client))
    await t.rejects(client.query('select pg_sleep(1)'))
    client.release()

    const other = await next
    t.ok(await other.query('select 1'))
    other.release()
  })

  t.test('keeps a client whose statement the server refused', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const pid = await pidOf(pool)

    await t.rejects(pool.query('select 1/0'), { code: '22012' })

    t.equal(await pidOf(pool), pid)
  })

  t.test('destroys a client that comes back inside a transaction', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    await client.query('begin')
    const pid = await pidOf(client)

    client.release()

    t.not(await pidOf(pool), pid)
  })

  t.test('destroys a client that comes back in the middle of a statement', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const pid = await pidOf(client)
    const running = client.query('select pg_sleep(30)')
    const isRunning = `select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`
    // A request to cancel that comes first has no effect.
    await until(async () => (await administer(isRunning)).length === 1)

    client.release()

    await t.rejects(running, { code: '57014' }, 'the server has ended it')
    t.not(await pidOf(pool), pid)
  })

  t.test('destroys a client that comes back with a doubt, and takes it back once', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const client = await pool.connect()
    const pid = await pidOf(client)

    client.release(new Error('a doubt'))
    client.release()

    t.not(await pidOf(pool), pid)
    t.equal(pool.totalCount, 1)
  })

  t.test('gives up a statement that gets no answer, and its client with it', async t => {
    const { pool } = await openPool(t, { max: 1, statementTimeoutMs: 1500 })
    const pid = await pidOf(pool)

    await t.rejects(pool.query('select pg_sleep(30)'), /Query read timeout/)

    t.not(await pidOf(pool), pid)
  })

  t.test('closes a client that was idle for long, and one that is old', async t => {
    const idle = await openPool(t, { idleTimeoutMs: 10 })
    await idle.pool.query('select 1')
    await until(() => idle.pool.totalCount === 0)

    const old = await openPool(t, { maxLifetimeMs: 20 })
    await old.pool.query('select 1')
    await until(() => old.pool.totalCount === 0)
  })

  t.test('says why it cannot connect, in one shape', async t => {
    const url = await createDatabase(t)
    const wrong = Object.assign(new URL(url), { password: 'not-the-password' }).href
    const closed = Object.assign(new URL(url), { port: '1' }).href

    const refused = await openPool(t, {}, wrong)
    const unreachable = await openPool(t, { connectTimeoutMs: 50 }, closed)

    await t.rejects(refused.pool.query('select 1'), { code: 'FST_NEON_REFUSED', sqlState: 'XX000' })
    await t.rejects(unreachable.pool.query('select 1'), { code: 'FST_NEON_UNREACHABLE' })
    t.match(unreachable.events.at(-1), { type: 'connect-failed', failure: { kind: 'unreachable' } })
    await t.rejects(
      new Promise((resolve, reject) =>
        unreachable.pool.connect((error, client, release) => {
          release()
          error ? reject(error) : resolve(client)
        })
      ),
      { code: 'FST_NEON_UNREACHABLE' }
    )
  })

  t.test('gives up a server that accepts and never answers', async t => {
    const port = await silentWebSocketServer(t)
    const { pool } = await openPool(t, { connectTimeoutMs: 50 }, `postgresql://u:p@127.0.0.1:${port}/d`)

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_UNREACHABLE' })
  })

  t.test('reaches an address of IPv6', async t => {
    const { port } = new URL(await createDatabase(t))
    const { pool } = await openPool(t, { connectTimeoutMs: 1000 }, `postgresql://u:p@[::1]:${port}/d`)

    await t.rejects(
      pool.query('select 1'),
      { code: 'FST_NEON_UNREACHABLE', cause: { message: /::1/ } },
      'nobody is there'
    )
  })

  t.test('shows its password in no inspection', async t => {
    const { pool } = await openPool(t)
    const client = await pool.connect()
    const password = new URL(await createDatabase(t)).password
    t.ok(password.length > 8)

    t.notOk(inspect(pool, { depth: 8 }).includes(password))
    t.notOk(inspect(client, { depth: 8 }).includes(password))
    client.release()
  })

  t.test('keeps TLS, whatever a client is told', async t => {
    const url = new URL(await createDatabase(t))
    url.searchParams.set('sslmode', 'require')
    const { pool } = await openPool(t, { connectTimeoutMs: 1000 }, url.href)
    const { Client } = pool
    pool.Client = class extends Client {
      constructor(config: ConstructorParameters<typeof Client>[0]) {
        super(config)
        this.neonConfig.useSecureWebSocket = false
      }
    }

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_UNREACHABLE' }, 'this server has no TLS')
  })
})

t.test('the limits of the pool', async t => {
  t.test('have their defaults where nothing is given', async t => {
    t.strictSame(poolLimits({ max: undefined, maxWaiting: 7 }), { ...POOL_DEFAULTS, maxWaiting: 7 })
  })

  t.test('are refused when no pool can work with them', async t => {
    for (const max of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      t.throws(
        () => poolLimits({ max }),
        { code: 'FST_NEON_OPTION_INVALID', message: /^max must be/ },
        String(max)
      )
    }
  })
})

t.test('a server that breaks the protocol', async t => {
  t.test('ends the connection, and neither the process nor the pool', async t => {
    for (const garbage of [
      message('D', [0, 9]),
      message('C', []),
      message('T', [0xff, 0xff]),
      [1, 2, 3, 4, 5, 6]
    ]) {
      const server = await scriptedServer(t, socket =>
        socket.send(Buffer.from([...AUTHENTICATED, ...garbage]))
      )
      const { pool } = await openPool(
        t,
        { max: 1, connectTimeoutMs: 1000, statementTimeoutMs: 1000 },
        server.url
      )

      await t.rejects(pool.query('select 1'))
      await t.rejects(pool.query('select 1'), 'and the second one gets its turn')
    }
  })

  t.test('fails the login when its SCRAM makes no sense', async t => {
    const server = await scriptedServer(t, (socket, count) => {
      const offer = message('R', [0, 0, 0, 10, ...Buffer.from('SCRAM-SHA-256'), 0, 0])
      const nonsense = message('R', [0, 0, 0, 11, ...Buffer.from('nonsense')])
      socket.send(Buffer.from(count === 1 ? offer : nonsense))
    })
    const { pool } = await openPool(t, { max: 1 }, server.url)

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_CONNECT_FAILED' })
  })

  t.test('keeps no socket when it does not close what has ended', async t => {
    const refusal = message('E', [
      ...Buffer.from('SERROR'),
      0,
      ...Buffer.from('CXX000'),
      0,
      ...Buffer.from('Mquota'),
      0,
      0
    ])
    const server = await scriptedServer(t, socket => socket.send(Buffer.from(refusal)))
    const { pool } = await openPool(t, {}, server.url)

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_REFUSED' })

    await until(() => server.open() === 0)
  })
})

t.test('the end of the pool', async t => {
  t.test('does not forget a checkout that comes just before it', async t => {
    const { pool } = await openPool(t)
    await pool.query('select 1')

    const checkout = pool.connect().then(client => client.release())
    const soon = Promise.resolve().then(() => pool.end())

    await t.rejects(
      checkout.then(() => Promise.reject(new Error('served'))),
      { message: /served|pool has ended/ }
    )
    await soon
    const late = (await openPool(t)).pool
    const refused = late.connect()
    late.end()
    await t.rejects(refused, { code: 'FST_NEON_CLOSED' })
  })

  t.test('closes every connection, and refuses who comes later', async t => {
    const url = await createDatabase(t)
    const { pool } = await openPool(t, {}, url)
    await Promise.all([pool.query('select 1'), pool.query('select 2')])
    const name = new URL(url).pathname.slice(1)

    await Promise.all([pool.end(), pool.end(), new Promise<void>(resolve => pool.end(resolve))])

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_CLOSED' })
    await until(
      async () => (await administer(`select 1 from pg_stat_activity where datname = '${name}'`)).length === 0
    )
  })

  t.test('waits for a client that is out', async t => {
    const { pool } = await openPool(t)
    const client = await pool.connect()
    t.match(pool, { ending: false, ended: false })
    const ended = pool.end()

    t.ok(await client.query('select 1'))
    t.match(pool, { ending: true, ended: false })
    client.release()

    await ended
    t.match(pool, { ending: true, ended: true })
  })

  t.test('comes in time although a client is never released', async t => {
    const { pool } = await openPool(t, { endTimeoutMs: 20 })
    const client = await pool.connect()

    await pool.end()

    await t.rejects(client.query('select 1'))
  })

  t.test('refuses those who still wait', async t => {
    const { pool } = await openPool(t, { max: 1, endTimeoutMs: 20 })
    await pool.connect()
    const waiting = pool.connect()

    await Promise.all([t.rejects(waiting, { code: 'FST_NEON_CLOSED' }), pool.end()])
  })
})

/** Takes the upgrade and says nothing more, not even at the close. */
async function silentWebSocketServer(t: Test): Promise<number> {
  const { url } = await scriptedServer(t, socket => socket.pause())
  return Number(new URL(url).port)
}
