/**
 * When the compute sleeps, and who is told: compute_tools/src/monitor.rs of Neon measures the idle
 * time, and compute_tools/src/compute.rs stops Postgres with a fast shutdown and kills PgBouncer.
 */
import t, { type Test } from 'tap'
import { BARE_DRIVERS, type BareClient, checkOut, PG } from './fixtures/bare.ts'
import { DRIVERS } from './fixtures/drivers.ts'
import { createManualClock } from './fixtures/manual-clock.ts'
import { isGone, start, until, untilAsleep } from './fixtures/sandbox.ts'

const IDLE_MS = 60_000
const clock = createManualClock()
const neon = await start(t, { clock, suspendAfterMs: IDLE_MS, wakeDelayMs: 0, wakeJitterMs: 0 })
const [, { cancel }] = DRIVERS as [unknown, (typeof DRIVERS)[number]]

t.test('the compute sleeps', async t => {
  t.test('when nothing has happened for the idle time', async t => {
    const events = eventsOf(t)
    const pid = Number(neon.postgresPid)

    await clock.advance(IDLE_MS - 1)
    t.equal(await isStillAwake(1), true)
    await clock.advance(1)

    await untilAsleep(neon)
    t.equal(isGone(pid), true, 'Postgres has really stopped')
    t.equal(neon.postgresPid, undefined)
    t.strictSame(events, [{ type: 'suspend', reason: 'idle' }])
  })

  t.test('although sessions are open, since they are idle', async t => {
    for (const { open } of BARE_DRIVERS) await open(t, neon.url).query('SELECT 1')

    await clock.advance(IDLE_MS)

    await untilAsleep(neon)
    t.pass('they do not keep it awake')
  })

  t.test('the idle time after a session was last used, though it leaves only now', async t => {
    const pool = PG.open(t, neon.url)
    await pool.query('SELECT 1')
    await clock.advance(IDLE_MS - 1)

    await pool.end()
    await clock.advance(1)

    await untilAsleep(neon)
    t.pass('a leave is no activity')
  })

  t.test('by itself, as long as the system’s clock has its idle time', async t => {
    const real = await start(t, { suspendAfterMs: 50 })
    await PG.open(t, real.url).query('SELECT 1')

    await untilAsleep(real)
    t.pass('it sleeps')
  })

  t.test('never, with an idle time of 0', async t => {
    const always = createManualClock()
    const own = await start(t, { clock: always, suspendAfterMs: 0 })

    t.strictSame(always.sleepingMs, [])
    t.equal(own.state, 'awake')
  })
})

t.test('the compute is kept awake', async t => {
  t.test('by a running statement, and sleeps the idle time after its end', async t => {
    const client = await awakeWith(t)
    const cancelled = t.rejects(client.query('SELECT pg_sleep(600)'), { code: '57014' })
    await until('it runs', async () => (await activeIn(t)) === 1)
    await clock.advance(IDLE_MS)
    t.equal(await isStillAwake(IDLE_MS), true)

    await clock.advance(IDLE_MS - 1)
    cancel(neon.url, client)
    await cancelled
    await clock.advance(1)

    t.equal(await isStillAwake(IDLE_MS - 1), true)
    await clock.advance(IDLE_MS)
    await untilAsleep(neon)
  })

  t.test('by a session that is idle in a transaction', async t => {
    const client = await awakeWith(t)
    await client.query('BEGIN')

    await clock.advance(IDLE_MS)
    t.equal(await isStillAwake(IDLE_MS), true)

    await client.query('COMMIT')
    await clock.advance(IDLE_MS)
    await untilAsleep(neon)
  })

  t.test('by a statement', async t => {
    const client = await awakeWith(t)
    await clock.advance(IDLE_MS - 1)

    await client.query('SELECT 1')
    await clock.advance(1)

    t.equal(await isStillAwake(IDLE_MS - 1), true)
  })

  t.test('by a new session, that does nothing', async t => {
    await awakeWith(t)
    await clock.advance(IDLE_MS - 1)

    await checkOut(t, PG.open(t, neon.url))
    await clock.advance(1)

    t.equal(await isStillAwake(IDLE_MS - 1), true)
  })
})

for (const { name, open } of BARE_DRIVERS) {
  t.test(`${name}, when the compute goes to sleep`, async t => {
    t.test('loses an idle direct session with 57P01', async t => {
      const pool = open(t, neon.urls.direct)
      const lost = new Promise(resolve => pool.on('error', resolve))
      await pool.query('SELECT 1')

      await neon.suspend()

      t.match(await lost, {
        code: '57P01',
        severity: 'FATAL',
        message: 'terminating connection due to administrator command'
      })
    })

    t.test('loses an idle pooled session without a word', async t => {
      const pool = open(t, neon.urls.pooled)
      const lost = new Promise<Error & { code?: string }>(resolve => pool.on('error', resolve))
      await pool.query('SELECT 1')

      await neon.suspend()

      const { message, code } = await lost
      t.strictSame({ message, code }, { message: 'Connection terminated unexpectedly', code: undefined })
    })

    t.test('loses a running direct statement with 57P01, a pooled one without a word', async t => {
      const direct = t.rejects(open(t, neon.urls.direct).query('SELECT pg_sleep(600)'), { code: '57P01' })
      const pooled = t.rejects(open(t, neon.urls.pooled).query('SELECT pg_sleep(600)'), {
        code: undefined,
        message: 'Connection terminated unexpectedly'
      })
      await until('both run', async () => (await activeIn(t)) === 2)

      await neon.suspend()

      await Promise.all([direct, pooled])
    })

    t.test('works again with the next statement', async t => {
      const pool = open(t, neon.url)
      const lost = new Promise(resolve => pool.on('error', resolve))
      await pool.query('SELECT 1')

      await neon.suspend()
      // Before that the driver's pool would hand out the connection that is ending.
      await lost

      t.match(await pool.query('SELECT 1 AS one'), { rows: [{ one: 1 }] })
    })
  })
}

/** A client of a compute that is awake since now. */
async function awakeWith(t: Test): Promise<BareClient> {
  return await checkOut(t, PG.open(t, neon.url))
}

/** Statements that run, that of the asking session aside. */
async function activeIn(t: Test): Promise<number> {
  const { rows } = await PG.open(t, neon.url).query(
    "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'"
  )
  return rows.length
}

/** Waits until the compute has decided: it sleeps, or looks again when so much time has gone by, or a little more. */
async function isStillAwake(nextLookMs: number): Promise<boolean> {
  await until(
    'the compute has decided',
    () => neon.state === 'asleep' || clock.sleepingMs.some(ms => ms >= nextLookMs && ms <= IDLE_MS)
  )
  return neon.state === 'awake'
}

function eventsOf(t: Test): object[] {
  const events: object[] = []
  t.teardown(neon.observe(event => events.push(event)))
  return events
}
