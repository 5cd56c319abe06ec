import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Pipeline } from '../../src/client/pipeline.ts'
import { createStatementTimeouts } from '../../src/client/statement-timeouts.ts'

const pipeline = () => new Pipeline([{ text: 'select 1' }])

t.test('the time limits of a connection', async t => {
  // As the socket of a connection does.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))

  t.test('end what is not over in time, each at its own, and not what is over', async t => {
    const [long, short, answered] = [pipeline(), pipeline(), pipeline()]
    const ended: [Pipeline, number][] = []
    const startedAt = performance.now()

    await new Promise<void>(resolve => {
      const timeouts = createStatementTimeouts<Pipeline>(each => {
        ended.push([each, performance.now() - startedAt])
        if (ended.length === 2) resolve()
      })
      timeouts.start(long, 60)
      timeouts.start(short, 20)
      timeouts.start(answered, 30)
      answered.handleError(new Error('answered'))
    })

    t.strictSame(
      ended.map(([each]) => each),
      [short, long]
    )
    for (const [index, ms] of [20, 60].entries()) t.ok((ended[index]?.[1] ?? 0) >= ms, `after ${ms} ms`)
  })

  t.test('are kept for what comes when the timer has fired for nothing', async t => {
    const [early, late] = [pipeline(), pipeline()]
    const ended = await new Promise(resolve => {
      const timeouts = createStatementTimeouts(resolve)
      timeouts.start(early, 10)
      early.handleError(new Error('answered'))
      setTimeout(() => timeouts.start(late, 10), 20)
    })

    t.equal(ended, late)
  })

  t.test('end with it', async t => {
    const timeouts = createStatementTimeouts(() => t.fail('too late'))
    timeouts.start(pipeline(), 1)

    timeouts.stop()

    await sleep(5)
  })
})
