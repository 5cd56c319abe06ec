import t from 'tap'
import { DatabaseFailure } from '../../src/errors/failure.ts'
import type { PoolEvent } from '../../src/pool/events.ts'
import { createWakes } from '../../src/pool/wakes.ts'

const connected: PoolEvent = { type: 'connected', durationMs: 1, isOnly: true }
const lost = (sqlState?: string): PoolEvent => ({
  type: 'idle-client-lost',
  failure: new DatabaseFailure('lost', { sqlState })
})
const retried = (kind: 'waking' | 'unreachable'): PoolEvent => ({
  type: 'connect-retried',
  failure: new DatabaseFailure(kind),
  delayMs: 1
})

const ROWS: { title: string; events: PoolEvent[]; gapMs?: number; wakes: number }[] = [
  { title: 'not in a connection at work', events: [connected, connected], wakes: 0 },
  {
    title: 'in the first connection after one that a suspend ended',
    events: [lost('57P01'), connected, connected],
    wakes: 1
  },
  { title: 'not after one that the network ended', events: [lost(), connected], wakes: 0 },
  {
    title: 'in a connection that the proxy said to wait for',
    events: [retried('waking'), connected],
    wakes: 1
  },
  {
    title: 'not in one that could not be made at first',
    events: [retried('unreachable'), connected],
    wakes: 0
  },
  { title: 'in a connection after five silent minutes', events: [connected], gapMs: 300_000, wakes: 1 },
  { title: 'not in other events', events: [{ type: 'checked-out', waitedMs: 1 }], gapMs: 300_000, wakes: 0 }
]

t.test('a wake is seen', async t => {
  for (const { title, events, gapMs = 0, wakes } of ROWS) {
    t.test(title, async t => {
      const { observe } = createWakes(() => gapMs)

      t.equal(events.filter(observe).length, wakes)
    })
  }
})
