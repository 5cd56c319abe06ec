import { getEventListeners } from 'node:events'
import t from 'tap'
import { DatabaseFailure } from '../../src/neon/failure.ts'
import { createQueue } from '../../src/neon/queue.ts'
import { createManualClock } from './manual-clock.ts'

t.test('a queue leaves no timer and no listener behind for who was served, refused or late', async t => {
  const clock = createManualClock()
  const queue = createQueue<string>({
    timeoutMs: 10,
    onTimeout: () => new DatabaseFailure('exhausted'),
    clock
  })
  const { signal } = new AbortController()

  const served = queue.wait(signal)
  t.equal(queue.serve('client'), true)
  t.equal(await served, 'client')
  const refused = queue.wait(signal)
  queue.refuseAll(() => new DatabaseFailure('closed'))
  await t.rejects(refused, { code: 'FST_NEON_CLOSED' })
  const late = t.rejects(queue.wait(signal), { code: 'FST_NEON_EXHAUSTED' })
  await clock.pass(10)
  await late

  t.equal(queue.serve('nobody'), false)
  t.strictSame([queue.size, clock.timers, getEventListeners(signal, 'abort').length], [0, 0, 0])
})
