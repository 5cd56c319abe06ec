import { getEventListeners } from 'node:events'
import t from 'tap'
import { DatabaseFailure } from '../../src/errors/failure.ts'
import { createWaitQueue } from '../../src/pool/wait-queue.ts'
import { createManualClock } from '../support/manual-clock.ts'

t.test('a queue leaves no timer and no listener behind for who was served, refused or late', async t => {
  const { clock, queue } = createTimedQueue()
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

t.test('each waits until its own deadline, by one timer', async t => {
  const { clock, queue } = createTimedQueue()
  const refusedAt: Record<string, number> = {}
  const wait = (name: string, share?: string) =>
    queue.wait(undefined, { share }).catch(() => {
      refusedAt[name] = clock.now()
    })

  const served = wait('served')
  await clock.pass(3)
  const others = [wait('first', 'a'), wait('second', 'b')]
  await clock.pass(3)
  others.push(wait('third', 'a'))
  queue.serve('client')
  t.equal(clock.timers, 1)
  await clock.pass(20)
  await Promise.all([served, ...others])

  t.strictSame(refusedAt, { first: 13, second: 13, third: 16 })
  t.strictSame([queue.size, queue.shares, clock.timers], [0, 0, 0])
})

t.test('a queue gives turns to the shares, and in each to who came first', async t => {
  const queue = createWaitQueue<string>({
    timeoutMs: 60_000,
    onTimeout: () => new DatabaseFailure('exhausted')
  })
  const order: string[] = []
  const giving = new AbortController()
  for (const name of ['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'b2', '1', '2']) {
    const share = /[a-z]/.exec(name)?.[0]
    queue.wait(name === 'a2' ? giving.signal : undefined, { share }).then(
      () => order.push(name),
      () => {}
    )
  }
  t.strictSame([queue.size, queue.shares, queue.sizeOf('a'), queue.sizeOf('x')], [9, 4, 4, 0])

  giving.abort()
  while (queue.serve('client'));
  await new Promise(resolve => setImmediate(resolve))

  t.strictSame(order, ['a1', 'b1', 'c1', '1', 'a3', 'b2', '2', 'a4'])
  t.strictSame([queue.size, queue.shares], [0, 0])
})

t.test('a queue shows the mark of whose turn it is', async t => {
  const { clock, queue } = createTimedQueue<string>()
  const first = () => queue.next(() => true)?.mark
  t.equal(first(), undefined, 'nobody waits')

  const late = t.rejects(queue.wait(undefined, { mark: 'one' }), { code: 'FST_NEON_EXHAUSTED' })
  await clock.pass(5)
  const giving = new AbortController()
  const unmarked = queue.wait()
  const given = t.rejects(queue.wait(giving.signal, { mark: 'three' }), { code: 'FST_NEON_ABORTED' })
  const last = queue.wait(undefined, { mark: 'four' })
  t.equal(first(), 'one')

  await clock.pass(5)
  await late
  t.equal(first(), undefined, 'who has none')
  queue.serve('client')
  t.equal(first(), 'three')
  giving.abort()
  await given
  t.equal(first(), 'four')
  queue.serve('other client')

  t.strictSame(await Promise.all([unmarked, last]), ['client', 'other client'])
  t.strictSame([first(), queue.size], [undefined, 0])
})

t.test('a queue goes by the clock of the system', async t => {
  const queue = createWaitQueue<string>({ timeoutMs: 1, onTimeout: () => new DatabaseFailure('exhausted') })

  await t.rejects(queue.wait(), { code: 'FST_NEON_EXHAUSTED' })
})

/** In which each waits for 10 ms of a clock that stands still. */
function createTimedQueue<Mark = never>() {
  const clock = createManualClock()
  const queue = createWaitQueue<string, Mark>({
    timeoutMs: 10,
    onTimeout: () => new DatabaseFailure('exhausted'),
    clock
  })
  return { clock, queue }
}
