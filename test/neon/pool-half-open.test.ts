import t, { type Test } from 'tap'
import type { WebSocket } from 'ws'
import { until } from '../helper.ts'
import { createDatabase } from '../postgres.ts'
import { kill, openPool, pidOf } from './pools.ts'
import { AUTHENTICATED, answerWithoutRows, scriptedServer } from './scripted-server.ts'

/** Answers everything, until its first connection falls silent without a word. */
async function peer(t: Test) {
  const sockets: WebSocket[] = []
  const server = await scriptedServer(t, (socket, count, frame) => {
    if (count === 1) sockets.push(socket)
    socket.send(count === 1 ? Buffer.from(AUTHENTICATED) : answerWithoutRows(frame))
  })
  return { url: server.url, sockets, silence: () => sockets[0]?.pause() }
}

t.test('a link that has fallen silent', async t => {
  t.test('while its client is idle is found by the heartbeat, and no caller sees it', async t => {
    const { url, silence } = await peer(t)
    const { pool, count } = await openPool(t, { heartbeatIntervalMs: 50 }, url)
    await pool.query('select')
    silence()

    await until(() => count('idle-client-lost') === 1)

    t.ok(await pool.query('select'))
    t.match(pool.stats(), { total: 1, idle: 1, held: 0 })
  })

  t.test('in the middle of a statement ends it long before the statement’s deadline', async t => {
    const { url, silence } = await peer(t)
    const { pool, count } = await openPool(t, { heartbeatIntervalMs: 50, max: 1 }, url)
    const client = await pool.connect()
    await client.query('select')
    silence()

    const lost = t.rejects(client.query('select'), /Connection terminated/)
    const next = pool.query('select')
    await lost
    client.release()

    t.ok(await next)
    t.equal(count('held-client-lost'), 1)
    t.match(pool.stats(), { total: 1, idle: 1, held: 0, waiting: 0 })
  })

  t.test('is found by the ping that flies ahead of the next statement', async t => {
    const { url, silence } = await peer(t)
    const { pool } = await openPool(t, { trustMs: 0, pingTimeoutMs: 50 }, url)
    await pool.query('select')
    await pool.query('select')
    silence()

    await t.rejects(pool.query('select'), /Connection terminated/)

    t.ok(await pool.query('select'))
    t.match(pool.stats(), { total: 1, idle: 1, held: 0 })
  })

  t.test('while this process slept is found before anything is sent on it', async t => {
    const { url, sockets, silence } = await peer(t)
    const { pool } = await openPool(t, { trustMs: 0, pingTimeoutMs: 50 }, url)
    const { Client } = pool
    pool.Client = class extends Client {
      get silentMs() {
        return sockets.length === 1 ? Number.POSITIVE_INFINITY : 0
      }
    }
    await pool.query('select')
    t.ok(await pool.query('select'), 'who answers is not affected')
    silence()

    t.ok(await pool.query('select'))

    t.equal(sockets.length, 2)
    t.match(pool.stats(), { total: 1, idle: 1, held: 0 })
  })
})

t.test('a peer that answers no ping is not given up for it', async t => {
  let pings = 0
  const server = await scriptedServer(
    t,
    (socket, count, frame) => {
      if (count === 1) socket.on('ping', () => ++pings)
      socket.send(count === 1 ? Buffer.from(AUTHENTICATED) : answerWithoutRows(frame))
    },
    { autoPong: false }
  )
  const { pool, count } = await openPool(
    t,
    { trustMs: 0, pingTimeoutMs: 1, heartbeatIntervalMs: 5 },
    server.url
  )
  await pool.query('select')

  await until(() => pings > 10)

  t.ok(await pool.query('select'))
  t.equal(count('idle-client-lost'), 0)
})

t.test('a loss that the kernel knows and this process has not heard of is no caller’s', async t => {
  const { pool } = await openPool(t, { trustMs: 0 }, await createDatabase(t))
  const pid = await pidOf(pool)
  await kill(pid)
  const busyUntil = performance.now() + 200
  while (performance.now() < busyUntil);

  t.not(await pidOf(pool), pid)
})
