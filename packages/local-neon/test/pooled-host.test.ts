/**
 * The pooled host of a local Neon: a real PgBouncer where there is one, and a session for each client elsewhere.
 */
import t from 'tap'
import { until } from '../../../test/support/app.ts'
import { NO_POOLER } from '../../../test/support/pooler.ts'
import { isAlive } from '../../../test/support/processes.ts'
import { openPool } from '../../fastify-neon/test/support/pools.ts'
import type { LocalNeonEvent } from '../src/local-neon.ts'
import { BARE_DRIVERS, PG, urlWith } from './fixtures/bare.ts'
import { start } from './fixtures/sandbox.ts'

const PID = 'select pg_backend_pid() as pid'

t.test('the pooled host', { skip: NO_POOLER }, async t => {
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, pooler: { poolSize: 1 } })
  const events: LocalNeonEvent[] = []
  neon.observe(event => events.push(event))

  for (const { name, open } of BARE_DRIVERS)
    t.test(`gives clients of ${name} the same session, transaction by transaction`, async t => {
      const pids = new Set<unknown>()
      for (let client = 0; client < 3; client += 1)
        pids.add((await open(t, neon.urls.pooled).query(PID)).rows[0]?.pid)

      t.equal(pids.size, 1)
      t.notOk(events.some(({ type }) => type === 'pooling-not-emulated'))
    })

  t.test('keeps prepared statements apart from session to session, as Neon’s does', async t => {
    const { pool } = await openPool(t, { max: 2 }, neon.urls.pooled)

    for (let times = 0; times < 5; times += 1)
      t.strictSame((await pool.query('select $1::int as n', [times])).rows, [{ n: times }])
    t.match(
      (await pool.query("select count(*)::int as n from pg_prepared_statements where name like 'PGBOUNCER%'"))
        .rows,
      [{ n: Number }]
    )
  })

  t.test('cancels a statement', async t => {
    const { pool } = await openPool(t, { max: 1, statementTimeoutMs: 1000 }, neon.urls.pooled)

    await t.rejects(pool.query('select pg_sleep(60)'), { message: /timeout/ })

    t.strictSame((await pool.query('select 1 as n')).rows, [{ n: 1 }])
  })

  t.test('refuses what PgBouncer does not take, in the words of Neon', async t => {
    const options = 'endpoint=ep-local-pooler neon_proxy_params_compat:true'
    const url = urlWith(neon.urls.pooled, { options })

    await t.rejects(PG.open(t, url, { statement_timeout: 66 }).query('select 1'), {
      code: 'XX000',
      message: /^unsupported startup parameter: statement_timeout\. Please use unpooled connection/
    })
  })

  t.test('is suspended with its compute, which it does not keep awake, and wakes with it', async t => {
    const { pool } = await openPool(t, { max: 2 }, neon.urls.pooled)
    await pool.query('select 1')

    await neon.suspend()
    t.equal(neon.state, 'asleep')
    await until(() => pool.totalCount === 0)

    t.strictSame((await pool.query('select 2 as n')).rows, [{ n: 2 }])
  })
})

t.test('a pooled session that is idle lets the compute sleep', { skip: NO_POOLER }, async t => {
  const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0, suspendAfterMs: 500 })
  const { pool } = await openPool(t, { max: 1 }, neon.urls.pooled)
  await pool.query('select 1')

  await until(() => neon.state === 'asleep' && pool.totalCount === 0)

  t.strictSame((await pool.query('select 2 as n')).rows, [{ n: 2 }])
})

t.test('without PgBouncer a pooled host has a session for each client, and says so once', async t => {
  const neon = await start(t, { pooler: { program: false } })
  const events: LocalNeonEvent[] = []
  neon.observe(event => events.push(event))

  for (let client = 0; client < 2; client += 1) await PG.open(t, neon.urls.pooled).query(PID)

  t.equal(events.filter(({ type }) => type === 'pooling-not-emulated').length, 1)
  t.ok(isAlive(Number(neon.postgresPid)))
})
