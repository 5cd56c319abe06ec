import t from 'tap'
import { until } from '../../../../test/support/app.ts'
import { createLastResponse } from '../../src/pool/last-response.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { openPool } from '../support/pools.ts'

t.test('answers', async t => {
  t.test('know how old the last one is, and how long the silence before it was', async t => {
    const clock = createManualClock()
    const answers = createLastResponse(clock)
    t.equal(answers.ageMs, undefined)

    await clock.pass(500)
    answers.note()
    t.match(answers, { ageMs: 0, gapMs: 0 })
    await clock.pass(3000)
    answers.note()
    await clock.pass(20)

    t.match(answers, { ageMs: 20, gapMs: 3000 })
  })

  t.test('call back once at the next, unless nobody waits for it any more', async t => {
    const answers = createLastResponse()
    const calls: string[] = []
    answers.next(() => calls.push('first'))
    const stop = answers.next(() => calls.push('never'))

    stop()
    answers.note()
    answers.note()

    t.strictSame(calls, ['first'])
  })

  t.test('are those of logins, of statements, and of statements that fail', async t => {
    const { pool } = await openPool(t)
    t.equal(pool.lastResponse.ageMs, undefined)
    let count = 0
    const heard = () => {
      count += 1
      pool.lastResponse.next(heard)
    }
    pool.lastResponse.next(heard)

    await pool.query('select 1')
    t.equal(count, 2, 'a login and a statement')
    await t.rejects(pool.query('select 1 / 0'))

    // The error comes first, and what ends the answer right behind it.
    await until(() => count === 3)
  })

  t.test('are not those of a question on a connection of its own', async t => {
    const { pool, events } = await openPool(t)

    t.equal(await pool.ping(10_000), undefined)

    t.equal(pool.lastResponse.ageMs, undefined)
    t.strictSame(events, [])
    t.equal(pool.totalCount, 0)
  })
})
