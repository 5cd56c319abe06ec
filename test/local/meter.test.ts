import t from 'tap'
import { createMeter } from '../../src/local/meter.ts'
import { createManualClock } from './fixtures/manual-clock.ts'

t.test('the meter', async t => {
  t.test('adds up the time that the compute is awake, up to now', async t => {
    const clock = createManualClock()
    const meter = createMeter(clock)

    await clock.advance(5000)
    meter.onAwake()
    await clock.advance(1500)
    t.equal(meter.read().awakeSeconds, 1.5)
    meter.onAwake()
    await clock.advance(500)
    meter.onAsleep()
    await clock.advance(60_000)

    t.equal(meter.read().awakeSeconds, 2)
  })

  t.test('does not count a sleep that comes twice', async t => {
    const meter = createMeter(createManualClock())

    meter.onAsleep()

    t.equal(meter.read().awakeSeconds, 0)
  })

  t.test('counts wakes, sessions and statements', async t => {
    const meter = createMeter(createManualClock())

    meter.onWake()
    meter.onSession()
    meter.onSession()
    for (let statement = 0; statement < 3; statement += 1) meter.onQuery()

    t.strictSame(meter.read(), { awakeSeconds: 0, wakes: 1, sessions: 2, queries: 3 })
  })
})
