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

t.test('a queue shows the mark of who came first', async t => {
  const clock = createManualClock()
  const queue = createQueue<string, string>({
    timeoutMs: 10,
    onTimeout: () => new DatabaseFailure('exhausted'),
    clock
  })
  t.equal(queue.first, undefined, 'nobody waits')

  const late = t.rejects(queue.wait(undefined, 'one'), { code: 'FST_NEON_EXHAUSTED' })
  await clock.pass(5)
  const giving = new AbortController()
  const unmarked = queue.wait()
  const given = t.rejects(queue.wait(giving.signal, 'three'), { code: 'FST_NEON_ABORTED' })
  const last = queue.wait(undefined, 'four')
  t.equal(queue.first, 'one')

  await clock.pass(5)
  await late
  t.equal(queue.first, undefined, 'who has none')
  queue.serve('client')
  t.equal(queue.first, 'three')
  giving.abort()
  await given
  t.equal(queue.first, 'four')
  queue.serve('other client')

  t.strictSame(await Promise.all([unmarked, last]), ['client', 'other client'])
  t.strictSame([queue.first, queue.size], [undefined, 0])
})

t.test('a queue goes by the clock of the system', async t => {
  const queue = createQueue<string>({ timeoutMs: 1, onTimeout: () => new DatabaseFailure('exhausted') })

  await t.rejects(queue.wait(), { code: 'FST_NEON_EXHAUSTED' })
})
