/**
 * What becomes of those who wake, suspend and close a compute at the same time.
 */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { fakeCompute, outcomeOf } from './fixtures/fake-compute.ts'

const CLOSED = { message: 'the local Neon is closed' }

t.test('a suspension', async t => {
  t.test('that is asked for during a wake comes after it', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    gates.start.shut()
    const woken = compute.wake()
    const suspended = compute.suspend()

    gates.start.open()
    const { postgres } = await woken
    await suspended

    t.equal(postgres, started[0])
    t.equal(started[0]?.isStopped, true)
    t.equal(compute.state, 'asleep')
  })

  t.test('that is asked for twice takes place once', async t => {
    const { compute, events } = await fakeCompute(t)
    await compute.wake()

    await Promise.all([compute.suspend(), compute.suspend('idle')])

    t.strictSame(events, [{ type: 'suspend', reason: 'asked' }])
  })

  t.test('that was asked for a moment ago gives nobody the Postgres that goes', async t => {
    const { compute, started } = await fakeCompute(t)
    await compute.wake()

    compute.suspend()
    const { postgres } = await compute.wake()

    t.equal(postgres, started[1])
    t.equal(started[0]?.isStopped, true)
    t.equal(started[1]?.isStopped, false)
  })
})

t.test('a wake', async t => {
  t.test('that is asked for during a suspension comes after it, once for all', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    await compute.wake()
    gates.stop.shut()
    const suspended = compute.suspend()
    await setImmediate()
    const woken = [compute.wake(), compute.wake()]
    await setImmediate()
    const startedBefore = started.length

    gates.stop.open()
    await suspended
    await Promise.all(woken)

    t.equal(startedBefore, 1)
    t.equal(started.length, 2)
    t.equal(compute.state, 'awake')
  })

  t.test('and another suspension follow each other', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    await compute.wake()
    gates.stop.shut()
    compute.suspend()
    await setImmediate()
    const woken = compute.wake()
    gates.stop.open()
    await woken

    await compute.suspend()

    t.strictSame(
      started.map(({ isStopped }) => isStopped),
      [true, true]
    )
  })
})

t.test('a close', async t => {
  t.test('stops Postgres for good, without a word', async t => {
    const { compute, started, events } = await fakeCompute(t)
    await compute.wake()

    await Promise.all([compute.close(), compute.close()])

    t.equal(compute.state, 'closed')
    t.equal(started[0]?.isStopped, true)
    t.strictSame(events, [])
    await t.rejects(compute.wake(), CLOSED)
    t.equal(compute.state, 'closed')
  })

  t.test('of a compute that sleeps keeps it asleep', async t => {
    const { compute, started } = await fakeCompute(t)

    await compute.close()

    await t.rejects(compute.wake(), CLOSED)
    t.strictSame(started, [])
  })

  t.test('during a wake comes after it', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    gates.start.shut()
    const woken = compute.wake()
    const closed = compute.close()

    gates.start.open()
    await woken
    await closed

    t.equal(compute.state, 'closed')
    t.equal(started[0]?.isStopped, true)
  })

  t.test('during a wake that fails comes after it', async t => {
    const { compute, gates } = await fakeCompute(t, { start: () => Promise.reject(new Error('no start')) })
    gates.start.shut()
    const failed = t.rejects(compute.wake(), { message: 'no start' })

    await compute.close()

    await failed
    t.equal(compute.state, 'closed')
  })

  t.test('does not wait for a wake that takes its time', async t => {
    const { compute, started, clock } = await fakeCompute(t, { wakeDelayMs: () => 3_600_000 })
    await compute.wake()
    await compute.suspend()
    const woken = compute.wake()
    await setImmediate()

    await compute.close()

    await woken
    t.equal(started[1]?.isStopped, true)
    t.equal(clock.sleepers, 0)
  })

  t.test('during a suspension comes after it', async t => {
    const { compute, started, gates } = await fakeCompute(t)
    await compute.wake()
    gates.stop.shut()
    const suspended = compute.suspend()
    const closed = compute.close()
    const before = await outcomeOf(closed)

    gates.stop.open()
    await Promise.all([suspended, closed])

    t.equal(before, 'pending')
    t.equal(compute.state, 'closed')
    t.equal(started.length, 1)
  })

  t.test('refuses a wake that comes while it stops Postgres', async t => {
    const { compute, gates } = await fakeCompute(t)
    await compute.wake()
    gates.stop.shut()
    const closed = compute.close()
    await setImmediate()
    const refused = t.rejects(compute.wake(), CLOSED)

    gates.stop.open()

    await Promise.all([closed, refused])
    t.equal(compute.state, 'closed')
  })

  t.test('leaves no watch behind', async t => {
    const { compute, clock } = await fakeCompute(t, { suspendAfterMs: 1000 })
    await compute.wake()
    const before = clock.sleepers

    await compute.close()

    t.equal(before, 1)
    t.equal(clock.sleepers, 0)
  })
})
