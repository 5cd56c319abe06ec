import fc from 'fast-check'
import t from 'tap'
import { createWindowStore } from '../../src/plugins/rate-window.ts'

const WINDOW_MS = 60_000

function createStore({ maxKeys = 10 } = {}) {
  const clock = { ms: 0 }
  const Store = createWindowStore({ maxKeys, now: () => clock.ms })
  const store = new Store({})
  return { clock, store, hit: (key: string) => hitOn(store, key) }
}

function hitOn(store: InstanceType<ReturnType<typeof createWindowStore>>, key: string) {
  let outcome: unknown
  store.incr(
    key,
    (_error: unknown, result: unknown) => {
      outcome = result
    },
    WINDOW_MS,
    1
  )
  return outcome
}

t.test('a window', async t => {
  t.test('counts each key on its own, and says how long it is still open', async t => {
    const { clock, hit } = createStore()

    t.strictSame(hit('alice'), { current: 1, ttl: WINDOW_MS })
    clock.ms = 20_000
    t.strictSame(hit('alice'), { current: 2, ttl: 40_000 })
    t.strictSame(hit('bob'), { current: 1, ttl: WINDOW_MS })
  })

  t.test('ends a minute after its first request', async t => {
    const { clock, hit } = createStore()
    hit('alice')

    clock.ms = WINDOW_MS - 1
    t.match(hit('alice'), { current: 2, ttl: 1 })
    clock.ms = WINDOW_MS
    t.match(hit('alice'), { current: 1, ttl: WINDOW_MS })
  })

  t.test('is forgotten for a new key when there are as many as may be, the oldest first', async t => {
    const { clock, hit } = createStore({ maxKeys: 2 })
    hit('first')
    hit('second')
    hit('third')

    t.match(hit('second'), { current: 2 })
    t.match(hit('first'), { current: 1 }, 'was forgotten')
    clock.ms = WINDOW_MS
    t.match(hit('third'), { current: 1 }, 'a window that is over makes room for itself')
  })

  t.test('of one limit is not that of another', async t => {
    const { store, hit } = createStore()
    hit('alice')

    t.match(hitOn(store.child({} as never) as typeof store, 'alice'), { current: 1 })
  })

  t.test('never counts less than the requests of the last minute, while there is room', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), afterMs: fc.nat(40_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const { clock, hit } = createStore({ maxKeys: 3 })
        const opened = new Map<string, { atMs: number; count: number }>()
        return steps.every(({ key, afterMs }) => {
          clock.ms += afterMs
          const open = opened.get(key)
          const isOpen = open !== undefined && clock.ms < open.atMs + WINDOW_MS
          const expected = isOpen ? { atMs: open.atMs, count: open.count + 1 } : { atMs: clock.ms, count: 1 }
          opened.set(key, expected)
          const { current, ttl } = hit(key) as { current: number; ttl: number }
          return current === expected.count && ttl === expected.atMs + WINDOW_MS - clock.ms
        })
      })
    )
  })
})
