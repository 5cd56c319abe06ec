import t from 'tap'
import { flowOf, type PoolFlow } from '../../src/health/flow.ts'

const ROWS: { title: string; blockedForMs: number; checkedOut: number; flow: PoolFlow }[] = [
  { title: 'free when nobody has met a full pool', blockedForMs: 0, checkedOut: 10, flow: 'free' },
  { title: 'free for a moment of a full pool', blockedForMs: 999, checkedOut: 10, flow: 'free' },
  { title: 'saturated after a second', blockedForMs: 1000, checkedOut: 10, flow: 'saturated' },
  {
    title: 'saturated for as long as it may still move',
    blockedForMs: 29_999,
    checkedOut: 10,
    flow: 'saturated'
  },
  {
    title: 'stuck after half a minute in which no client came back',
    blockedForMs: 30_000,
    checkedOut: 10,
    flow: 'stuck'
  },
  {
    title: 'free while callers wait for connections that are being made, as when the compute wakes',
    blockedForMs: 30_000,
    checkedOut: 9,
    flow: 'free'
  }
]

t.test('the pool is', async t => {
  for (const { title, blockedForMs, checkedOut, flow } of ROWS) {
    t.test(title, async t => {
      t.equal(flowOf({ total: 10, idle: 0, waiting: 1, max: 10, checkedOut, blockedForMs }), flow)
    })
  }
})
