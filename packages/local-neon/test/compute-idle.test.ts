/**
 * When a compute falls asleep by itself.
 */
import t from 'tap'
import { BUSY, fakeCompute } from './fixtures/fake-compute.ts'
import { until } from './fixtures/sandbox.ts'

const SUSPEND_AFTER_MS = 1000

t.test('an idle compute', async t => {
  t.test('is suspended when nothing has happened for long enough', async t => {
    const { compute, clock, events } = await fakeCompute(t, { suspendAfterMs: SUSPEND_AFTER_MS })
    await compute.wake()
    await clock.advance(SUSPEND_AFTER_MS - 1)
    const stateBefore = compute.state

    await clock.advance(1)

    await until('it sleeps', () => compute.state === 'asleep')
    t.equal(stateBefore, 'awake')
    t.strictSame(events, [{ type: 'suspend', reason: 'idle' }])
  })

  t.test('says how long it will be until then, from the last activity on', async t => {
    const { compute, clock } = await fakeCompute(t, { suspendAfterMs: SUSPEND_AFTER_MS })
    const asleep = compute.sleepsInMs
    await compute.wake()
    const awake = compute.sleepsInMs

    await clock.advance(400)
    const later = compute.sleepsInMs
    compute.touch()

    t.strictSame([asleep, awake, later, compute.sleepsInMs], [undefined, 1000, 600, 1000])
  })

  t.test('is suspended again after the next wake', async t => {
    const { compute, clock } = await fakeCompute(t, { suspendAfterMs: SUSPEND_AFTER_MS })
    await compute.wake()
    await compute.suspend()
    await compute.wake()

    await clock.advance(SUSPEND_AFTER_MS)

    await until('it sleeps', () => compute.state === 'asleep')
    t.equal(clock.sleepers, 0)
  })

  t.test('stays awake for so long after each activity', async t => {
    const { compute, clock } = await fakeCompute(t, { suspendAfterMs: SUSPEND_AFTER_MS })
    await compute.wake()
    await clock.advance(SUSPEND_AFTER_MS - 1)

    compute.touch()
    await clock.advance(SUSPEND_AFTER_MS - 1)
    const stateBefore = compute.state
    await clock.advance(1)

    await until('it sleeps', () => compute.state === 'asleep')
    t.equal(stateBefore, 'awake')
  })

  t.test('never sleeps when it is told so', async t => {
    const { compute, clock, statements } = await fakeCompute(t, { suspendAfterMs: 0 })
    await compute.wake()

    await clock.advance(1_000_000)

    t.equal(compute.state, 'awake')
    t.equal(compute.sleepsInMs, undefined)
    t.equal(clock.sleepers, 0)
    t.strictSame(statements, [])
  })

  t.test('stays awake while Postgres says that it is busy', async t => {
    const { compute, clock, statements, answerWith } = await fakeCompute(t, {
      suspendAfterMs: SUSPEND_AFTER_MS
    })
    answerWith(() => BUSY)
    await compute.wake()
    await clock.advance(SUSPEND_AFTER_MS)
    await until('it has been asked', () => statements.length === 1 && clock.sleepers === 1)
    const stateBefore = compute.state
    answerWith(() => [])

    await clock.advance(SUSPEND_AFTER_MS)

    await until('it sleeps', () => compute.state === 'asleep')
    t.equal(stateBefore, 'awake')
  })

  t.test('stays awake while Postgres cannot say whether it is busy', async t => {
    const { compute, clock, statements, answerWith } = await fakeCompute(t, {
      suspendAfterMs: SUSPEND_AFTER_MS
    })
    answerWith(() => new Error('the database system is in recovery mode'))
    await compute.wake()

    await clock.advance(SUSPEND_AFTER_MS)

    await until('it has been asked', () => statements.length === 1 && clock.sleepers === 1)
    t.equal(compute.state, 'awake')
  })

  for (const [what, come] of [
    ['something happens', compute => compute.touch()],
    ['somebody comes', compute => compute.wake()]
  ] satisfies Array<[string, (compute: Awaited<ReturnType<typeof fakeCompute>>['compute']) => unknown]>) {
    t.test(`stays awake when ${what} while Postgres is asked`, async t => {
      const { compute, clock, statements, answerWith } = await fakeCompute(t, {
        suspendAfterMs: SUSPEND_AFTER_MS
      })
      let answer = () => {}
      answerWith(
        () =>
          new Promise(resolve => {
            answer = () => resolve([])
          })
      )
      await compute.wake()
      await clock.advance(SUSPEND_AFTER_MS)
      await until('Postgres is asked', () => statements.length === 1)

      come(compute)
      answer()

      await until('it is left alone for a while', () => clock.sleepers === 1)
      t.equal(compute.state, 'awake')
    })
  }

  t.test('is not suspended twice', async t => {
    const { compute, clock, events } = await fakeCompute(t, { suspendAfterMs: SUSPEND_AFTER_MS })
    await compute.wake()

    await compute.suspend()
    await clock.advance(SUSPEND_AFTER_MS)

    t.equal(clock.sleepers, 0)
    t.strictSame(events, [{ type: 'suspend', reason: 'asked' }])
  })
})
