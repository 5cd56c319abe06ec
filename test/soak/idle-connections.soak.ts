/**
 * In real time and with the default limits, against a proxy that keeps a pong until its next answer, as Neon's own
 * does: nothing ends a connection that is quiet, and nothing asks it more than once. All cases run side by side.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openSession } from '../../packages/fastify-neon/src/client/single-session.ts'
import { verifiedUrl } from '../../packages/fastify-neon/src/connection-string/connection-url.ts'
import { createDatabase as createDrizzle } from '../../packages/fastify-neon/src/drizzle/database.ts'
import type { NeonPoolOptions } from '../../packages/fastify-neon/src/pool/pool.ts'
import { apply, makeFolder } from '../../packages/fastify-neon/test/migrations/folders.ts'
import {
  type DeferringProxy,
  openDeferringProxy
} from '../../packages/fastify-neon/test/support/deferring-proxy.ts'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { until } from '../support/app.ts'
import { administer, createDatabase } from '../support/postgres.ts'

const IDLE_MS = 90_000
const LONG_S = 100
const LONG_LIMIT_MS = 120_000

t.setTimeout(300_000)
t.jobs = 20

interface Quiet {
  proxy: DeferringProxy
  url: string
  databaseUrl: string
}

async function open(t: Test): Promise<Quiet> {
  const databaseUrl = await createDatabase(t)
  const proxy = await openDeferringProxy(t, databaseUrl)
  return { proxy, url: proxy.through(databaseUrl), databaseUrl }
}

async function openQuietPool(t: Test, limits: Partial<NeonPoolOptions> = {}) {
  const quiet = await open(t)
  const { pool, count } = await openPool(t, { idleTimeoutMs: 2 * IDLE_MS, max: 1, ...limits }, quiet.url)
  await pool.query('select 1')
  return { ...quiet, pool, count }
}

/** One connection from the beginning to now, which was pinged, and whose pongs were kept. */
function expectKept(t: Test, { proxy: { counts } }: Quiet) {
  t.strictSame([counts.opened, counts.closed], [1, 0], 'no connection was opened or closed')
  t.ok(counts.pings >= 1, 'the way was kept open')
}

t.test('a pool that was idle for 90 s asks once, and goes on with its connection', async t => {
  const opened = await openQuietPool(t)
  await sleep(IDLE_MS)

  t.ok(await opened.pool.query("select 'later'"))

  t.equal(opened.proxy.syncs(), 1)
  t.equal(opened.proxy.frames('later'), 1)
  expectKept(t, opened)
})

t.test('a checked-out client that was idle for 90 s is not asked', async t => {
  const opened = await openQuietPool(t)
  const client = await opened.pool.connect()
  await sleep(IDLE_MS)

  t.ok(await client.query("select 'later'"))

  client.release()
  t.equal(opened.proxy.syncs(), 0)
  expectKept(t, opened)
})

t.test('a transaction that was idle for 90 s commits', async t => {
  const opened = await openQuietPool(t, { transactionTimeoutMs: LONG_LIMIT_MS })
  const db = createDrizzle(opened.pool)

  const outcome = await db.transaction(async tx => {
    await tx.execute("select 'first'")
    await sleep(IDLE_MS)
    const { rows } = await tx.execute('select 2 as n')
    return rows
  })

  t.strictSame(outcome, [{ n: 2 }])
  t.equal(opened.proxy.syncs(), 0)
  expectKept(t, opened)
})

t.test('a statement takes as long as its deadline lets it', async t => {
  const opened = await openQuietPool(t, { statementTimeoutMs: LONG_LIMIT_MS })

  t.ok(await opened.pool.query(`select pg_sleep(${LONG_S})`))

  expectKept(t, opened)
})

t.test('a migration with a statement of 100 s is applied', async t => {
  const opened = await open(t)
  const folder = makeFolder(t, [{ name: '0000_slow', sql: `SELECT pg_sleep(${LONG_S})` }])

  const { applied } = await apply(opened.url, folder, {
    ledger: { schema: 'drizzle', table: 'slow_migrations' }
  })

  t.strictSame(applied, ['0000_slow'])
  t.equal(opened.proxy.counts.opened, 1)
})

t.test('the session of migrations and of the audit is idle for 90 s, and goes on', async t => {
  const opened = await open(t)
  const session = await openSession({
    url: verifiedUrl(opened.url, 'url'),
    applicationName: 'soak',
    answerTimeoutMs: 10_000
  })
  await sleep(IDLE_MS)

  t.strictSame(await session.query('select 1 as n'), [{ n: 1 }])

  expectKept(t, opened)
  await session.close()
})

for (const [what, heartbeatIntervalMs, silentMs] of [
  ['100 s', 10_000, LONG_S * 1000],
  ['75 heartbeats, by which 10 s each are 12 minutes', 200, 15_000]
] as const)
  t.test(`LISTEN on a checked-out client hears after a silence of ${what}`, async t => {
    const opened = await openQuietPool(t, { heartbeatIntervalMs })
    const client = await opened.pool.connect()
    const heard: unknown[] = []
    client.on('notification', ({ payload }) => heard.push(payload))
    await client.query('listen news')
    await sleep(silentMs)

    await administer("notify news, 'late'", opened.databaseUrl)
    await until(() => heard.length > 0)

    t.strictSame(heard, ['late'])
    client.release()
    expectKept(t, opened)
  })
