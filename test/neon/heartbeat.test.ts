import t from 'tap'
import { createHeartbeat } from '../../src/neon/heartbeat.ts'
import { createManualClock } from './manual-clock.ts'

const INTERVAL_MS = 1000

function setUp() {
  const clock = createManualClock()
  const seen = { pings: 0, deaths: 0 }
  const heartbeat = createHeartbeat({
    intervalMs: INTERVAL_MS,
    ping: () => {
      seen.pings += 1
    },
    onDead: () => {
      seen.deaths += 1
    },
    clock
  })
  return { clock, seen, heartbeat }
}

/** As `setUp`, with a peer that has answered a ping. */
function setUpAnswering() {
  const opened = setUp()
  opened.heartbeat.answered()
  return opened
}

t.test('the heartbeat', async t => {
  t.test('pings at its interval, and keeps a link that answers', async t => {
    const { clock, seen, heartbeat } = setUp()

    for (let beat = 0; beat < 5; beat += 1) {
      await clock.pass(INTERVAL_MS)
      heartbeat.answered()
    }

    t.strictSame(seen, { pings: 6, deaths: 0 })
  })

  t.test('gives up a link after two misses, once, and pings no more', async t => {
    const { clock, seen } = setUpAnswering()

    await clock.pass(2 * INTERVAL_MS)
    t.equal(seen.deaths, 0, 'one miss is forgiven')
    await clock.pass(INTERVAL_MS)
    t.strictSame(seen, { pings: 3, deaths: 1 })
    await clock.pass(10 * INTERVAL_MS)

    t.strictSame(seen, { pings: 3, deaths: 1 })
    t.equal(clock.timers, 0)
  })

  t.test('takes any message as a sign of life', async t => {
    const { clock, seen, heartbeat } = setUpAnswering()

    for (let beat = 0; beat < 9; beat += 1) {
      await clock.pass(INTERVAL_MS)
      heartbeat.heard()
    }

    t.equal(seen.deaths, 0)
    await clock.pass(INTERVAL_MS / 2)
    t.equal(heartbeat.silentMs, INTERVAL_MS / 2)
  })

  t.test('does not judge a peer that has never answered a ping', async t => {
    const { clock, seen, heartbeat } = setUp()

    await clock.pass(10 * INTERVAL_MS)

    t.strictSame(seen, { pings: 11, deaths: 0 })
    t.equal(await heartbeat.check(10), true)
  })

  t.test('blames nobody when this process was held up', async t => {
    const { clock, seen } = setUpAnswering()
    await clock.pass(2 * INTERVAL_MS)

    await clock.jump(10 * INTERVAL_MS)

    t.equal(seen.deaths, 0)
    await clock.pass(INTERVAL_MS)
    t.equal(seen.deaths, 1, 'two real misses, one before and one after')
  })

  t.test('stops when told to', async t => {
    const { clock, seen, heartbeat } = setUpAnswering()
    const checked = heartbeat.check(10)

    heartbeat.stop()

    t.equal(await checked, false)
    await clock.pass(10 * INTERVAL_MS)
    t.strictSame(seen, { pings: 2, deaths: 0 })
    t.equal(clock.timers, 0)
  })
})

t.test('a check', async t => {
  t.test('is one ping for all who ask, and true with the answer', async t => {
    const { seen, heartbeat } = setUpAnswering()

    const checks = Promise.all([heartbeat.check(10), heartbeat.check(10)])
    heartbeat.answered()

    t.strictSame(await checks, [true, true])
    t.strictSame(seen, { pings: 2, deaths: 0 })
  })

  t.test('without an answer in time ends the link', async t => {
    const { clock, seen, heartbeat } = setUpAnswering()

    const checked = heartbeat.check(10)
    await clock.pass(10)

    t.equal(await checked, false)
    t.equal(seen.deaths, 1)
  })

  t.test('waits once more when this process was held up', async t => {
    const { clock, seen, heartbeat } = setUpAnswering()

    const checked = heartbeat.check(10)
    await clock.jump(500)
    t.equal(seen.deaths, 0)
    heartbeat.answered()

    t.equal(await checked, true)
  })
})
