import t from 'tap'
import { createMeter } from '../src/meter.ts'
import { createManualClock } from './fixtures/manual-clock.ts'

t.test('the meter', async t => {
  t.test('begins with nothing', async t => {
    t.strictSame(createMeter(createManualClock()).read(), {
      awakeSeconds: 0,
      wakes: 0,
      sessions: 0,
      queries: 0
    })
  })

  t.test('counts wakes, sessions and queries', async t => {
    const meter = createMeter(createManualClock())

    meter.onWake()
    for (let left = 2; left > 0; left -= 1) meter.onSession()
    for (let left = 3; left > 0; left -= 1) meter.onQuery()

    t.match(meter.read(), { wakes: 1, sessions: 2, queries: 3 })
  })

  t.test('adds up the time awake, that of now included', async t => {
    const clock = createManualClock()
    const meter = createMeter(clock)

    meter.onAwake()
    await clock.advance(1500)
    meter.onAsleep()
    await clock.advance(10_000)
    meter.onAwake()
    await clock.advance(250)

    t.equal(meter.read().awakeSeconds, 1.75)
  })

  t.test('takes the first of two beginnings, and one end', async t => {
    const clock = createManualClock()
    const meter = createMeter(clock)

    meter.onAwake()
    await clock.advance(1000)
    meter.onAwake()
    await clock.advance(1000)
    meter.onAsleep()
    await clock.advance(1000)
    meter.onAsleep()

    t.equal(meter.read().awakeSeconds, 2)
  })

  t.test('gives a reading that stays', async t => {
    const meter = createMeter(createManualClock())
    const reading = meter.read()

    meter.onQuery()

    t.equal(reading.queries, 0)
  })
})
