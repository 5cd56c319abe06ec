import t from 'tap'
import { scaledClock, systemClock } from '../src/clock.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const LONGER_THAN_A_TIMER_MS = 30 * DAY_MS

// The sleepers of this clock keep no process alive.
const alive = setInterval(() => {}, DAY_MS)
t.teardown(() => clearInterval(alive))

t.test('the clock of the system', async t => {
  t.test('goes on while somebody sleeps', async t => {
    const beforeMs = systemClock.now()

    await systemClock.sleep(3)

    t.ok(systemClock.now() - beforeMs >= 3)
  })

  t.test('wakes a sleeper by the signal', async t => {
    const aborting = new AbortController()
    const sleeping = systemClock.sleep(DAY_MS, aborting.signal)

    aborting.abort()

    await t.rejects(sleeping, { name: 'AbortError' })
  })

  t.test('lets nobody sleep whose signal has come before', async t => {
    await t.rejects(systemClock.sleep(0, AbortSignal.abort()), { name: 'AbortError' })
  })

  t.test('lets somebody sleep for longer than a timer of Node.js goes', async t => {
    const aborting = new AbortController()
    const sleeping = systemClock.sleep(LONGER_THAN_A_TIMER_MS, aborting.signal)

    const first = await Promise.race([sleeping.then(() => 'the long sleep'), systemClock.sleep(20)])

    t.equal(first, undefined)
    aborting.abort()
    await t.rejects(sleeping, { name: 'AbortError' })
  })
})

t.test('a scaled clock', async t => {
  t.test('runs so many times as fast', async t => {
    const clock = scaledClock(1000)
    const beforeMs = clock.now()
    const systemBeforeMs = systemClock.now()

    await clock.sleep(5000)

    t.ok(clock.now() - beforeMs >= 5000)
    t.ok(systemClock.now() - systemBeforeMs < 5000)
  })

  t.test('wakes a sleeper by the signal', async t => {
    await t.rejects(scaledClock(1000).sleep(DAY_MS, AbortSignal.abort()), { name: 'AbortError' })
  })
})
