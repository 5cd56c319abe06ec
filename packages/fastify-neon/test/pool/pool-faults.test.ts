/**
 * What only a Neon that sleeps, wakes and fails on command can show of the pool.
 */
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import type { LocalNeon } from '../../../local-neon/src/local-neon.ts'
import { start } from '../../../local-neon/test/fixtures/sandbox.ts'
import { toFailure } from '../../src/errors/failure.ts'
import type { NeonPool, NeonPoolOptions } from '../../src/pool/pool.ts'
import { openPool, take, untilIdleFor, untilServed } from '../support/pools.ts'

type NeonEvent = Parameters<Parameters<LocalNeon['observe']>[0]>[0]

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

async function setUp(t: Test, limits: Partial<NeonPoolOptions> = {}, url = (neon: LocalNeon) => neon.url) {
  t.teardown(() => neon.clearFaults())
  const heard: NeonEvent[] = []
  t.teardown(neon.observe(event => heard.push(event)))
  const opened = await openPool(t, limits, url(neon))
  const heardOf = (type: NeonEvent['type']) => heard.filter(event => event.type === type).length
  return { neon, heardOf, ...opened }
}

async function expectWhole(t: Test, pool: NeonPool) {
  t.ok(await pool.query('select 1'), 'the next statement is answered')
  t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
}

t.test('a half-open link', async t => {
  t.test('ends a statement at its deadline, and does not delay the next one', async t => {
    const { neon, pool } = await setUp(t, { statementTimeoutMs: 1500 })
    await pool.query('select 1')
    neon.inject({ type: 'blackhole', direction: 'both', connections: 'existing' })

    const startedAt = performance.now()
    await t.rejects(pool.query('select 1'), /Query read timeout/)
    await pool.query('select 1')

    t.ok(performance.now() - startedAt < 5000, 'and not after the 31 s of TCP')
    await expectWhole(t, pool)
  })
})

t.test('a half-open link of a free client', async t => {
  t.test('is found by its heartbeat', async t => {
    const { neon, pool, count } = await setUp(t, { heartbeatIntervalMs: 50 })
    neon.inject({ type: 'ping', answered: 'at-once' })
    await pool.query('select 1')
    await untilIdleFor(500)

    neon.inject({ type: 'blackhole', direction: 'both', connections: 'existing' })
    await until(() => pool.totalCount === 0)

    t.equal(count('idle-client-lost'), 1)
  })
})

t.test('a wrong password', async t => {
  t.test('is one login for all who wait', async t => {
    const wrong = (neon: LocalNeon) => Object.assign(new URL(neon.url), { password: 'not-it' }).href
    const { pool, heardOf, count } = await setUp(t, {}, wrong)

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => pool.query('select 1')))

    for (const outcome of outcomes) t.match(outcome, { reason: { code: 'FST_NEON_REFUSED' } })
    t.equal(heardOf('login-refused'), 1)
    t.equal(count('connect-retried'), 0)
  })
})

t.test('a quota that is used up', async t => {
  t.test('is not asked again, and heals without a restart', async t => {
    const { neon, pool, count } = await setUp(t)
    const fault = neon.inject({ type: 'login', message: 'quota-exceeded' })

    await t.rejects(pool.query('select 1'), { code: 'FST_NEON_REFUSED', reason: 'quota' })

    t.equal(fault.hits, 1)
    t.equal(count('connect-retried'), 0)
    fault.remove()
    await untilServed(pool)
    await expectWhole(t, pool)
  })
})

t.test('a compute that sleeps', async t => {
  t.test('is woken once for 20 who wait, and all are served', async t => {
    const { neon, pool } = await setUp(t)
    await neon.suspend()
    const { wakes } = neon.meter()
    neon.inject({ type: 'wake', delayMs: 1000, times: 1 })

    const served = await Promise.all(Array.from({ length: 20 }, () => pool.query('select 1')))

    t.equal(served.length, 20)
    t.equal(neon.meter().wakes, wakes + 1)
    t.match(pool.stats(), { checkedOut: 0, waiting: 0, connectFailures: 0 })
  })

  t.test('ends idle clients with one word about it, and the next statement wakes it', async t => {
    const { neon, pool, count } = await setUp(t, { max: 4 })
    for (const client of await take(pool, 4)) client.release()

    await neon.suspend()
    await until(() => pool.totalCount === 0)

    t.equal(count('idle-client-lost'), 1)
    await expectWhole(t, pool)
  })
})

t.test('a network that breaks', async t => {
  t.test('under load gives each a failure with a name, and the pool recovers', async t => {
    const { neon, pool } = await setUp(t, { max: 5 })
    const outcomes = Array.from({ length: 30 }, () => pool.query('select pg_sleep(0.2)'))
    const settled = Promise.allSettled(outcomes)
    await until(() => pool.stats().checkedOut === 5)

    neon.inject({ type: 'reset', connections: 'existing', times: 5 })

    const failed = (await settled).filter(outcome => outcome.status === 'rejected')
    t.ok(failed.length > 0)
    for (const { reason } of failed) t.match(toFailure(reason, 'statement'), { kind: 'lost' })
    await expectWhole(t, pool)
  })

  t.test('at the upgrade three times heals within one wait', async t => {
    const { neon, pool, count } = await setUp(t)
    const fault = neon.inject({ type: 'upgrade', status: 503, times: 3 })

    await pool.query('select 1')

    t.equal(fault.hits, 3)
    t.equal(count('connect-retried'), 3)
    t.equal(count('connect-failed'), 0)
    await expectWhole(t, pool)
  })
})
