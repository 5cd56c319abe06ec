import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { CRASH, fakeCompute, outcomeOf } from './fixtures/fake-compute.ts'

t.test('a compute', async t => {
  t.test('sleeps until it is woken', async t => {
    const { compute, started } = await fakeCompute(t)
    const before = { state: compute.state, running: compute.running }

    const running = await compute.wake()

    t.strictSame(before, { state: 'asleep', running: undefined })
    t.equal(compute.state, 'awake')
    t.equal(compute.running, running)
    t.equal(running.postgres, started[0])
  })

  t.test('is woken once for all who wait', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    gates.start.shut()
    const woken = [compute.wake(), compute.wake()]
    await setImmediate()
    const stateBefore = compute.state

    gates.start.open()
    const [first, second] = await Promise.all(woken)
    const third = await compute.wake()

    t.equal(stateBefore, 'waking')
    t.equal(first, second)
    t.equal(first, third)
    t.equal(started.length, 1)
  })

  t.test('is stopped and gone when it is suspended', async t => {
    const { compute, started, gates, events } = await fakeCompute(t)
    await compute.wake()
    gates.stop.shut()
    const suspended = compute.suspend()
    await setImmediate()
    const stateBefore = compute.state

    gates.stop.open()
    await suspended

    t.equal(stateBefore, 'suspending')
    t.equal(compute.state, 'asleep')
    t.equal(compute.running, undefined)
    t.equal(started[0]?.isStopped, true)
    t.strictSame(events, [{ type: 'suspend', reason: 'asked' }])
  })

  t.test('tells each state that it enters', async t => {
    const { compute, states } = await fakeCompute(t)

    await compute.wake()
    await compute.suspend()
    await compute.close()

    t.strictSame(states, ['waking', 'awake', 'suspending', 'asleep', 'closed'])
  })

  t.test('has nothing to suspend while it sleeps', async t => {
    const { compute, events } = await fakeCompute(t)

    await compute.suspend()

    t.equal(compute.state, 'asleep')
    t.strictSame(events, [])
  })

  t.test('starts at once the first time, and takes the delay at each wake', async t => {
    const { compute, clock, events, meter } = await fakeCompute(t, { wakeDelayMs: () => 300 })
    await compute.wake()
    await compute.suspend()

    const woken = compute.wake()
    await clock.advance(299)
    const stateBefore = compute.state
    await clock.advance(1)
    await woken

    t.equal(stateBefore, 'waking')
    t.strictSame(events.slice(1), [{ type: 'wake', tookMs: 300 }])
    t.match(meter.read(), { wakes: 1, awakeSeconds: 0.3 })
  })

  t.test('counts the time in which it is up, on its way up or down', async t => {
    const { compute, clock, meter, gates } = await fakeCompute(t)
    await clock.advance(1000)
    gates.start.shut()
    const woken = compute.wake()
    await clock.advance(1000)
    gates.start.open()
    await woken
    await clock.advance(1000)
    gates.stop.shut()
    const suspended = compute.suspend()
    await clock.advance(1000)

    gates.stop.open()
    await suspended
    await clock.advance(1000)

    t.equal(meter.read().awakeSeconds, 3)
  })

  t.test('lets somebody use Postgres before it stops', async t => {
    const { compute, started } = await fakeCompute(t, {
      onSuspending: async superuser => {
        t.equal(started[0]?.isStopped, false)
        t.strictSame(await superuser.query('SELECT'), [])
      }
    })
    await compute.wake()

    await compute.suspend()

    t.equal(started[0]?.isStopped, true)
  })

  for (const [what, onSuspending] of [
    ['fails', () => Promise.reject(new Error('no'))],
    ['never ends', () => new Promise<void>(() => {})]
  ] as const) {
    t.test(`is stopped although what comes before that ${what}`, async t => {
      const { compute, started } = await fakeCompute(t, { onSuspending })
      await compute.wake()

      await compute.suspend()

      t.equal(compute.state, 'asleep')
      t.equal(started[0]?.isStopped, true)
    })
  }
})

t.test('a wake that fails', async t => {
  t.test('tells all who wait, and leaves the compute asleep', async t => {
    const { compute, clock, meter, events } = await fakeCompute(t, {
      start: () => Promise.reject(new Error('no start'))
    })

    const woken = [compute.wake(), compute.wake()]
    await Promise.all(woken.map(one => t.rejects(one, { message: 'no start' })))
    await clock.advance(1000)

    t.equal(compute.state, 'asleep')
    t.equal(meter.read().awakeSeconds, 0)
    t.strictSame(events, [{ type: 'wake-failed', message: 'Error: no start' }])
  })

  t.test('is followed by one that may not', async t => {
    const { compute, gates } = await fakeCompute(t)
    gates.start.passed = Promise.reject(new Error('no start'))
    await t.rejects(compute.wake(), { message: 'no start' })
    gates.start.passed = Promise.resolve()

    await compute.wake()

    t.equal(compute.state, 'awake')
  })

  t.test('leaves nothing to suspend', async t => {
    const { compute } = await fakeCompute(t, { start: () => Promise.reject(new Error('no start')) })
    const failed = t.rejects(compute.wake())

    await compute.suspend()

    await failed
    t.equal(compute.state, 'asleep')
  })
})

t.test('the exit of Postgres', async t => {
  t.test('is told when nobody has asked for it', async t => {
    const { compute, started } = await fakeCompute(t)
    await compute.wake()

    started[0]?.exit(CRASH)

    t.strictSame(await compute.exited, CRASH)
  })

  t.test('is told when it comes while a wake takes its time', async t => {
    const { compute, clock, started } = await fakeCompute(t, { wakeDelayMs: () => 300 })
    await compute.wake()
    await compute.suspend()
    compute.wake()
    await setImmediate()

    started[1]?.exit(CRASH)
    await clock.advance(300)

    t.strictSame(await compute.exited, CRASH)
  })

  t.test('is not told when it was asked for, however late it is heard of', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    await compute.wake()
    const [first] = started
    Object.assign(first ?? {}, { stop: async () => {} })
    await compute.suspend()
    gates.start.shut()
    const woken = compute.wake()

    first?.exit(CRASH)

    t.equal(await outcomeOf(compute.exited), 'pending')
    gates.start.open()
    await woken
  })
})
