import { EventEmitter, once } from 'node:events'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { NeonClient } from '../../../src/client/client.ts'
import { createIdleList } from '../../../src/pool/connections/idle-list.ts'

const LONG_MS = 60_000

/** The stock looks at no property of a client. */
const client = (name: string) => ({ name }) as unknown as NeonClient

function setUp(options: { idleTimeoutMs?: number; maxLifetimeMs?: number; random?: () => number } = {}) {
  const closed: NeonClient[] = []
  const stock = createIdleList({
    idleTimeoutMs: LONG_MS,
    maxLifetimeMs: LONG_MS,
    close: gone => closed.push(gone),
    ...options
  })
  t.teardown(() => stock.evictAll())
  return { stock, closed }
}

t.test('the stock', async t => {
  t.test('gives the client that was used last', async t => {
    const { stock } = setUp()
    const [one, two] = [client('one'), client('two')]
    for (const each of [one, two]) {
      stock.add(each)
      stock.put(each)
    }

    t.equal(stock.take(), two)
    t.equal(stock.take(), one)
    t.equal(stock.take(), undefined)
    t.strictSame([stock.size, stock.free], [2, 0])
  })

  t.test('knows nobody who was not taken in', async t => {
    const { stock } = setUp()
    const stranger = client('stranger')

    stock.put(stranger)
    stock.evict(stranger)

    t.strictSame([stock.free, stock.isStale(stranger), stock.remove(stranger)], [0, true, false])
  })

  t.test('closes a client that is idle, and counts from its last return', async t => {
    const idleTimeoutMs = 20
    const closed = new EventEmitter()
    const stock = createIdleList({
      idleTimeoutMs,
      maxLifetimeMs: LONG_MS,
      close: gone => closed.emit('close', gone)
    })
    // The timers of the pool keep no process alive.
    const awake = setInterval(() => {}, LONG_MS)
    t.teardown(() => {
      clearInterval(awake)
      stock.evictAll()
    })
    const used = client('used')
    stock.add(used)
    stock.put(used)
    stock.take()
    // Of two timers of the same length the first one fires first.
    await delay(idleTimeoutMs)
    t.equal(stock.size, 1, 'the time ran out while it was out')

    const returnedAt = performance.now()
    stock.put(used)
    t.strictSame(await once(closed, 'close'), [used])
    // Timers may be early by less than a millisecond.
    t.ok(performance.now() - returnedAt > idleTimeoutMs - 1)
  })

  t.test('ends the lifetimes of one burst at different times', async t => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const random = [0, 0.99]
    const { stock, closed } = setUp({ maxLifetimeMs: 200, random: () => random.pop() ?? 0 })
    const [short, long] = [client('short'), client('long')]
    stock.add(short)
    stock.add(long)
    stock.put(short)

    mock.timers.tick(170)
    t.strictSame([closed.length, closed[0] === short, stock.isStale(long)], [1, true, false])
    mock.timers.tick(30)
    t.ok(stock.isStale(long))
    t.equal(closed.length, 1, 'one that is out is closed when it comes back')
  })
})
