import t from 'tap'
import { createHeartbeat } from '../../src/socket/heartbeat.ts'
import { createManualClock } from '../support/manual-clock.ts'

const INTERVAL_MS = 1000
const UNPROVEN_MS = 5 * INTERVAL_MS

function setUp() {
  const clock = createManualClock()
  const seen = { pings: 0, deaths: 0 }
  const state = { isQuiet: true }
  const heartbeat = createHeartbeat({
    intervalMs: INTERVAL_MS,
    ping: () => {
      seen.pings += 1
    },
    isQuiet: () => state.isQuiet,
    onDead: () => {
      seen.deaths += 1
    },
    clock
  })
  return { clock, seen, state, heartbeat }
}

/** As `setUp`, behind the answer to the login, and with the ping that follows it. */
async function setUpPinged() {
  const opened = setUp()
  opened.heartbeat.heard()
  await opened.clock.pass(0)
  return opened
}

/** As `setUpPinged`, with a peer that has shown that it answers. */
async function setUpProven() {
  const opened = await setUpPinged()
  opened.heartbeat.answered()
  await opened.clock.pass(INTERVAL_MS)
  return opened
}

t.test('a peer that answers a ping while nothing else is on its way', async t => {
  t.test('is pinged at the interval, and kept while it answers', async t => {
    const { clock, seen, heartbeat } = await setUpProven()

    for (let beat = 0; beat < 5; beat += 1) {
      heartbeat.answered()
      await clock.pass(INTERVAL_MS)
    }

    t.strictSame(seen, { pings: 7, deaths: 0 })
  })

  t.test('is given up after two misses, once, and pinged no more', async t => {
    const { clock, seen } = await setUpProven()

    await clock.pass(INTERVAL_MS)
    t.equal(seen.deaths, 0, 'one miss is forgiven')
    await clock.pass(INTERVAL_MS)
    t.strictSame(seen, { pings: 3, deaths: 1 })
    await clock.pass(10 * INTERVAL_MS)

    t.strictSame(seen, { pings: 3, deaths: 1 })
    t.equal(clock.timers, 0)
  })

  t.test('shows by any message that it is there', async t => {
    const { clock, seen, heartbeat } = await setUpProven()

    for (let beat = 0; beat < 9; beat += 1) {
      heartbeat.heard()
      await clock.pass(INTERVAL_MS)
    }

    t.equal(seen.deaths, 0)
    heartbeat.heard()
    await clock.pass(INTERVAL_MS / 2)
    t.equal(heartbeat.silentMs, INTERVAL_MS / 2)
  })

  t.test('is not blamed when this process was held up', async t => {
    const { clock, seen } = await setUpProven()
    await clock.pass(INTERVAL_MS)

    await clock.jump(10 * INTERVAL_MS)

    t.equal(seen.deaths, 0)
    await clock.pass(INTERVAL_MS)
    t.equal(seen.deaths, 1, 'two real misses, one before and one after')
  })
})

t.test('a peer that keeps its pongs until its next answer', async t => {
  t.test('is never given up, however long it is silent', async t => {
    const { clock, seen } = await setUpPinged()

    await clock.pass(100 * INTERVAL_MS)

    t.equal(seen.deaths, 0)
  })

  t.test('is pinged a fifth as often, so that a ping seldom hides its loss from keep-alive', async t => {
    const { clock, seen } = await setUpPinged()
    t.equal(seen.pings, 1, 'right behind its answer')

    await clock.pass(UNPROVEN_MS - 1)
    t.equal(seen.pings, 1)
    await clock.pass(1)

    t.equal(seen.pings, 2)
  })

  t.test('is not pinged in the middle of its answers, and behind them not more often', async t => {
    const { clock, seen, state, heartbeat } = setUp()
    state.isQuiet = false

    for (let answer = 0; answer < 20; answer += 1) {
      heartbeat.heard()
      await clock.pass(INTERVAL_MS / 2)
    }
    t.equal(seen.pings, 0)
    state.isQuiet = true
    for (let answer = 0; answer < 20; answer += 1) {
      heartbeat.heard()
      await clock.pass(INTERVAL_MS / 2)
    }

    t.equal(seen.pings, 2)
  })

  t.test('is pinged in a long statement all the same, which keeps the way open', async t => {
    const { clock, seen, state } = await setUpPinged()
    state.isQuiet = false

    await clock.pass(2 * UNPROVEN_MS)

    t.strictSame(seen, { pings: 3, deaths: 0 })
  })

  for (const [what, ...events] of [
    ['with an answer behind it', 'answered', 'heard'],
    ['behind an answer', 'heard', 'answered'],
    ['after a statement was sent', 'sent', 'answered'],
    ['before a statement was sent', 'answered', 'sent']
  ] as const)
    t.test(`shows nothing by a pong ${what}`, async t => {
      const { clock, seen, heartbeat } = await setUpPinged()

      for (const event of events) heartbeat[event]()
      await clock.pass(100 * INTERVAL_MS)

      t.equal(seen.deaths, 0)
    })

  t.test('shows nothing by the pong to a ping in a statement', async t => {
    const { clock, seen, state, heartbeat } = await setUpPinged()
    state.isQuiet = false
    await clock.pass(UNPROVEN_MS)
    state.isQuiet = true

    heartbeat.answered()
    await clock.pass(100 * INTERVAL_MS)

    t.equal(seen.deaths, 0)
  })

  t.test('shows nothing while this process was held up', async t => {
    const { clock, seen, heartbeat } = await setUpPinged()

    heartbeat.answered()
    await clock.jump(10 * INTERVAL_MS)
    await clock.pass(100 * INTERVAL_MS)

    t.equal(seen.deaths, 0)
  })
})

t.test('a heartbeat that is stopped sends and ends nothing', async t => {
  for (const opened of [await setUpProven(), setUp()]) {
    const { clock, heartbeat, seen } = opened
    const { pings } = seen
    heartbeat.heard()

    heartbeat.stop()
    await clock.pass(100 * INTERVAL_MS)

    t.strictSame(seen, { pings, deaths: 0 })
    t.equal(clock.timers, 0)
  }
})
