import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { createDatabase } from '../../packages/fastify-neon/src/drizzle/database.ts'
import type { NeonPool } from '../../packages/fastify-neon/src/pool/pool.ts'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import { scenario } from './support/scenario.ts'
import { openFront, READY_FOR_QUERY } from './support/tamper.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
const front = await openFront(t, neon)

const NEVER_MS = 60_000
// PostgreSQL, "Message Formats", ReadyForQuery: no transaction is open.
const IDLE = 'I'.charCodeAt(0)
const KIB = 1024

scenario(
  t,
  'an answer that comes drop by drop',
  { neon, limits: { statementTimeoutMs: 1000 } },
  async (t, service) => {
    await Promise.all(Array.from({ length: 10 }, () => service.write('alice')))
    await administer("update tasks set notes = repeat('x', 10000)", service.databaseUrl)
    const drops = neon.inject({ type: 'bandwidth', toClientBytesPerSecond: KIB })

    const slow = await service.read('alice')
    drops.remove()
    const next = await service.read('alice')

    t.match(slow, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' }, 'the deadline is of the whole answer')
    t.equal(next.status, 200)
    const { acknowledged } = await service.verdict()
    t.equal(next.body.items.length, acknowledged)
  }
)

scenario(
  t,
  'a link with a long and uneven way, and more requests than it carries',
  {
    neon,
    limits: {
      max: 3,
      maxWaiting: 6,
      checkoutTimeoutMs: NEVER_MS,
      connectTimeoutMs: NEVER_MS,
      statementTimeoutMs: NEVER_MS,
      heartbeatIntervalMs: 2000
    }
  },
  async (t, service) => {
    neon.inject({ type: 'latency', toServerMs: 100, toClientMs: 100, jitterMs: 100 })
    let longestQueue = 0
    service.app.db.$client.observe(() => {
      longestQueue = Math.max(longestQueue, service.stats().waiting)
    })

    // Of a user each, since one alone does not get the whole queue.
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => service.read(`user-${n}`)))

    const [served, refused] = [200, 503].map(status => answers.filter(answer => answer.status === status))
    t.equal(Number(served?.length) + Number(refused?.length), answers.length)
    t.ok(Number(served?.length) >= 9, 'as many as there are clients and places in the queue')
    for (const { code, headers } of refused ?? []) {
      t.equal(code, 'FST_NEON_EXHAUSTED')
      t.match(headers.get('retry-after'), /^[123]$/)
    }
    t.ok(longestQueue <= 6)
    t.equal(service.stats().clientsLost, 0, 'slow is not dead')
  }
)

scenario(
  t,
  'a link with a long way, and reads that do not stop',
  { neon, limits: { max: 2, maxPipelined: 10, statementTimeoutMs: NEVER_MS, checkoutTimeoutMs: NEVER_MS } },
  async (t, service) => {
    const { $client: pool } = service.app.db
    const lag = neon.inject({ type: 'latency', toServerMs: 100, toClientMs: 100 })
    let taken = 0
    pool.on('acquire', () => {
      taken += 1
    })
    const readers = 20
    const each = 6

    await Promise.all(
      Array.from({ length: readers }, async () => {
        for (let reads = 0; reads < each; reads += 1) await pool.query('select 1')
      })
    )
    lag.remove()

    t.ok(taken <= (readers * each) / 3, `${taken} times a connection for ${readers * each} reads`)
    t.match(service.stats(), { connects: 2, clientsLost: 0 })
  }
)

scenario(
  t,
  'a server that stops reading at an INSERT',
  {
    neon,
    limits: { statementTimeoutMs: 3000, heartbeatIntervalMs: NEVER_MS },
    databaseUrl: front.through
  },
  async (t, service) => {
    const undo = front.tamper({
      toServer(frame, link) {
        const isInsert = frame.includes('insert into "tasks"')
        if (isInsert) link.pause()
        return isInsert
      }
    })

    const writes = await Promise.all([service.write('alice'), service.write('alice', { key: randomUUID() })])
    undo()

    for (const { status, code, headers } of writes) {
      t.match({ status, code }, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' })
      t.equal(headers?.get('retry-after'), null, 'it would take as long again')
    }
    t.equal((await service.write('alice')).status, 201)
  }
)

scenario(
  t,
  'a statement that does not fit into the buffers of a server that stopped reading',
  {
    neon,
    limits: { max: 1, statementTimeoutMs: 3000, heartbeatIntervalMs: NEVER_MS },
    databaseUrl: front.through
  },
  async (t, service) => {
    const undo = front.tamper({
      toClient(message, link) {
        if (message[0] === READY_FOR_QUERY && message[5] === IDLE) link.pause()
        return message
      }
    })
    t.equal((await service.read('alice')).status, 200, 'the last that is read')

    const megabytes = 'x'.repeat(16 * KIB * KIB)
    const stuck = createDatabase(service.app.db.$client as NeonPool).execute(sql`select length(${megabytes})`)
    await t.rejects(stuck, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    undo()

    // A look of the health plugin may have opened a connection meanwhile that is not read from either.
    await until(async () => (await service.read('alice')).status === 200)
    const notes = megabytes.slice(0, 200 * KIB)
    const tooLarge = await service.send('alice', 'POST', '/tasks', { body: { title: 'x', notes } })
    t.equal(tooLarge.status, 413, 'no request may bring so much')
  }
)

scenario(t, 'a user with more rows than anybody should be sent at once', { neon }, async (t, service) => {
  await service.write('bob')
  const many = `insert into tasks (owner, title, notes)
    select 'alice', 'of many ' || n, repeat('x', 1000) from generate_series(1, 20000) n`
  await administer(many, service.databaseUrl)

  const page = await service.send('alice', 'GET', '/tasks?limit=100')
  const tooMany = await service.send('alice', 'GET', '/tasks?limit=101')
  await administer("delete from tasks where owner = 'alice'", service.databaseUrl)

  t.equal(page.body.items.length, 100)
  t.type(page.body.nextCursor, 'string')
  t.equal(tooMany.status, 400)
})
