/**
 * How the compute wakes: once for all who wait, as late as it is told to, or not at all.
 */
import t, { type Test } from 'tap'
import type { LocalNeonEvent } from '../src/events.ts'
import { BARE_DRIVERS, NEON_DRIVER, PG, urlWith } from './fixtures/bare.ts'
import { createManualClock } from './fixtures/manual-clock.ts'
import { start, until } from './fixtures/sandbox.ts'
import { dial } from './fixtures/wire.ts'

const DELAY_MS = 300
const JITTER_MS = 100
const MANY = 20
const clock = createManualClock()
const neon = await start(t, { clock, wakeDelayMs: DELAY_MS, wakeJitterMs: JITTER_MS })
const CANCEL_REQUEST = Buffer.from('0000001004d2162e0000000100000002', 'hex')

t.test('a sleeping compute', async t => {
  await neon.suspend()

  t.test('is not woken by a wrong password, which is refused all the same', async t => {
    for (const { open } of BARE_DRIVERS)
      await t.rejects(open(t, urlWith(neon.url, { password: 'wrong' })).query('SELECT 1'), {
        message: "password authentication failed for user 'neondb_owner'"
      })

    t.equal(neon.state, 'asleep')
  })

  t.test('is not woken by a login that is refused for what it asks', async t => {
    const options = 'endpoint=ep-local-pooler -c lock_timeout=1'
    await t.rejects(NEON_DRIVER.open(t, urlWith(neon.url, { options })).query('SELECT 1'), { code: 'XX000' })

    t.equal(neon.state, 'asleep')
  })

  t.test('is not woken by a CancelRequest', async t => {
    for (const transport of ['ws', 'tcp'] as const) {
      const stream = await dial(t, neon.url, transport)
      stream.end(CANCEL_REQUEST)
      await until('it has been taken', () => stream.resume().readableEnded)
    }

    t.equal(neon.state, 'asleep')
  })

  t.test('has no backends to be killed', async t => {
    t.equal(await neon.killBackends(), 0)
    t.equal(neon.state, 'asleep')
  })

  t.test('is suspended by a second suspend() without an event', async t => {
    const events = eventsOf(t)

    await neon.suspend()

    t.strictSame(events, [])
  })
})

for (const { name, open } of BARE_DRIVERS) {
  t.test(`${name} wakes the compute`, async t => {
    t.test(`once for ${MANY} who come at once`, async t => {
      await asleep()
      const before = neon.meter().wakes
      const events = eventsOf(t)

      const answers = Array.from({ length: MANY }, () => open(t, neon.url).query('SELECT 1 AS one'))
      await elapse(DELAY_MS + JITTER_MS)

      t.match(
        await Promise.all(answers),
        Array.from(answers, () => ({ rows: [{ one: 1 }] }))
      )
      t.equal(neon.meter().wakes, before + 1)
      t.equal(events.filter(({ type }) => type === 'wake').length, 1)
    })

    t.test('as a role that was made with SQL before it slept', async t => {
      await awake()
      await open(t, neon.url).query("CREATE ROLE sleeper LOGIN PASSWORD 'p'")
      await asleep()

      const answer = open(t, urlWith(neon.url, { user: 'sleeper', password: 'p' })).query('SELECT 1 AS one')
      await elapse(DELAY_MS + JITTER_MS)

      t.match(await answer, { rows: [{ one: 1 }] })
      await open(t, neon.url).query('DROP ROLE sleeper')
    })

    t.test('and finds all that was committed', async t => {
      await awake()
      await open(t, neon.url).query('CREATE TABLE kept AS SELECT 42 AS answer')
      await asleep()

      const answer = open(t, neon.url).query('SELECT answer FROM kept')
      await elapse(DELAY_MS + JITTER_MS)

      t.match(await answer, { rows: [{ answer: 42 }] })
      await open(t, neon.url).query('DROP TABLE kept')
    })

    t.test('when it came while that was still going to sleep', async t => {
      await awake()
      const suspended = neon.suspend()
      await new Promise(setImmediate)
      t.equal(neon.state, 'suspending')

      const answer = open(t, neon.url).query('SELECT 1 AS one')
      await suspended
      await elapse(DELAY_MS + JITTER_MS)

      t.match(await answer, { rows: [{ one: 1 }] })
    })

    t.test('after what a fault makes it take', async t => {
      await asleep()
      const slow = neon.inject({ type: 'wake', delayMs: 7_000, times: 1 })
      t.teardown(slow.remove)
      const answer = open(t, neon.url).query('SELECT 1 AS one')
      await until('it is waited for', () => clock.sleepingMs.includes(7_000))

      await clock.advance(6_999)
      t.equal(neon.state, 'waking')
      await clock.advance(1)

      t.match(await answer, { rows: [{ one: 1 }] })
      t.equal(slow.hits, 1)
    })

    t.test('in vain, all who wait with the same words, while a fault makes it fail', async t => {
      await asleep()
      const before = neon.meter().wakes
      const failing = neon.inject({ type: 'wake', message: 'compute-unreachable' })
      t.teardown(failing.remove)

      const refusals = Array.from({ length: 5 }, () =>
        t.rejects(open(t, neon.url).query('SELECT 1'), {
          severity: 'ERROR',
          code: 'XX000',
          message: "Couldn't connect to compute node"
        })
      )
      await Promise.all(refusals)

      t.ok(failing.hits >= 1)
      t.equal(neon.state, 'asleep')
      t.equal(neon.meter().wakes, before)
      failing.remove()
      await awake()
      t.match(await open(t, neon.url).query('SELECT 1 AS one'), { rows: [{ one: 1 }] })
    })
  })
}

t.test('a wake takes the delay and up to the jitter longer', async t => {
  await asleep()
  const events = eventsOf(t)
  const woken = neon.wake()
  await until('it is waited for', () => wakeMs() !== undefined)
  const asked = Number(wakeMs())

  await clock.advance(asked - 1)
  t.equal(neon.state, 'waking')
  await clock.advance(1)
  await woken

  t.ok(asked >= DELAY_MS && asked <= DELAY_MS + JITTER_MS, `${asked} ms`)
  t.equal(neon.state, 'awake')
  t.match(events, [{ type: 'wake', tookMs: Number }])
})

t.test('the meter', async t => {
  t.test('counts the time in which Postgres runs or wakes, and none of its sleep', async t => {
    await asleep()
    const before = neon.meter().awakeSeconds
    await clock.advance(3_600_000)
    t.equal(neon.meter().awakeSeconds, before)

    await awake()
    const woken = neon.meter().awakeSeconds
    await clock.advance(10_000)
    await neon.suspend()

    t.ok(woken - before >= DELAY_MS / 1000, 'the wake counts')
    t.equal(Math.round(neon.meter().awakeSeconds - woken), 10)
  })

  t.test('agrees with the events', async t => {
    await awake()
    const events = eventsOf(t)
    const before = neon.meter()
    const pool = PG.open(t, neon.url, { max: 1 })
    await pool.query('SELECT 1')
    await pool.query('SELECT $1::int', [1])
    await t.rejects(pool.query('SELECT 1/0'))
    await NEON_DRIVER.open(t, neon.url).query('SELECT 1')
    await asleep()
    await awake()

    const { wakes, sessions, queries } = neon.meter()

    const count = (type: string) => events.filter(event => event.type === type).length
    t.equal(sessions - before.sessions, count('login'))
    t.equal(sessions - before.sessions, 2)
    t.equal(wakes - before.wakes, count('wake'))
    t.equal(wakes - before.wakes, 1)
    t.equal(queries - before.queries, 4)
  })
})

async function asleep(): Promise<void> {
  await awake()
  await neon.suspend()
}

async function awake(): Promise<void> {
  if (neon.state === 'awake') return
  const woken = neon.wake()
  await elapse(DELAY_MS + JITTER_MS)
  await woken
}

/** Lets the time of a wake go by, once it is waited for. */
async function elapse(ms: number): Promise<void> {
  await until('the wake is waited for', () => wakeMs() !== undefined)
  await clock.advance(ms)
}

function wakeMs(): number | undefined {
  return clock.sleepingMs.find(ms => ms >= DELAY_MS && ms <= DELAY_MS + JITTER_MS)
}

function eventsOf(t: Test): LocalNeonEvent[] {
  const events: LocalNeonEvent[] = []
  t.teardown(neon.observe(event => events.push(event)))
  return events
}
