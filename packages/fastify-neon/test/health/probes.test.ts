import t, { type Test } from 'tap'
import type { FailureReason } from '../../src/health/database.ts'
import { createProbes } from '../../src/health/probes.ts'
import { createManualClock } from '../support/manual-clock.ts'

function open(t: Test) {
  const clock = createManualClock()
  const pending: ((reason?: FailureReason) => void)[] = []
  const outcomes: unknown[] = []
  const questions = createProbes({
    probe: () => new Promise(resolve => pending.push(resolve)),
    onResult: outcome => outcomes.push(outcome),
    clock
  })
  t.teardown(() => questions.close())
  return { clock, pending, outcomes, questions }
}

t.test('questions', async t => {
  t.test('are asked one at a time: all who ask at once share the answer', async t => {
    const { questions, pending, outcomes } = open(t)

    const all = Promise.all([questions.ask(), questions.ask(), questions.ask()])
    pending[0]?.()
    await all

    t.equal(pending.length, 1)
    t.strictSame(outcomes, [{ reason: undefined, askedAtMs: 0 }])
    t.strictSame(questions.counts, { answered: 1, failed: 0 })
  })

  t.test('are asked once a second at most, also when the answer is no', async t => {
    const { questions, pending, clock } = open(t)
    const first = questions.ask()
    pending[0]?.('unreachable')
    await first

    await questions.ask()
    t.equal(pending.length, 1)
    await clock.pass(1000)
    const second = questions.ask()
    pending[1]?.()
    await second

    t.equal(pending.length, 2)
    t.strictSame(questions.counts, { answered: 1, failed: 1 })
  })

  t.test('are asked when planned, the last plan counts, and none can be planned', async t => {
    const { questions, pending, clock } = open(t)

    questions.plan(5000)
    questions.plan(2000)
    await clock.pass(1999)
    t.equal(pending.length, 0)
    await clock.pass(1)
    t.equal(pending.length, 1)

    questions.plan(1000)
    questions.plan(undefined)
    t.equal(clock.timers, 0)
  })

  t.test('know how many there were since the beginning', async t => {
    const { questions, clock } = open(t)

    questions.ask()
    t.equal(questions.asked, 1)
    questions.begin()
    await clock.pass(1000)

    t.equal(questions.asked, 0)
  })

  t.test('end at once, and an answer that comes later is not heard', async t => {
    const { questions, pending, outcomes, clock } = open(t)
    const first = questions.ask()
    questions.plan(1000)

    questions.close()
    pending[0]?.()
    await first
    await clock.pass(5000)
    await questions.ask()
    questions.plan(1)

    t.equal(pending.length, 1)
    t.strictSame(outcomes, [])
    t.equal(clock.timers, 0)
  })
})
