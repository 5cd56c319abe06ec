import t from 'tap'
import type { Fault } from '../../src/faults/fault.ts'
import { OPEN_LANE } from '../../src/faults/lane.ts'
import { isOfNetwork, networkOf } from '../../src/faults/network.ts'
import { createFaults } from '../../src/faults/registry.ts'

t.test('the network of a link', async t => {
  t.test('is none at all, known by its identity, without faults', async t => {
    const { toServer, toClient } = networkWith([])

    t.equal(toServer, OPEN_LANE)
    t.equal(toClient, OPEN_LANE)
  })

  t.test('is none at all with faults that add nothing', async t => {
    const { toServer, toClient } = networkWith([{ type: 'latency' }, { type: 'bandwidth' }])

    t.equal(toServer, OPEN_LANE)
    t.equal(toClient, OPEN_LANE)
  })

  t.test('has all latencies together, and the jitter both ways', async t => {
    const { toServer, toClient } = networkWith([
      { type: 'latency', toServerMs: 10, jitterMs: 1 },
      { type: 'latency', toServerMs: 5, toClientMs: 7, jitterMs: 2 }
    ])

    t.strictSame(toServer, { ...OPEN_LANE, latencyMs: 15, jitterMs: 3 })
    t.strictSame(toClient, { ...OPEN_LANE, latencyMs: 7, jitterMs: 3 })
  })

  t.test('is as fast as its slowest part', async t => {
    const { toServer, toClient } = networkWith([
      { type: 'bandwidth', toServerBytesPerSecond: 10 },
      { type: 'bandwidth', toServerBytesPerSecond: 20, toClientBytesPerSecond: 30 }
    ])

    t.strictSame(toServer, { ...OPEN_LANE, bytesPerSecond: 10 })
    t.strictSame(toClient, { ...OPEN_LANE, bytesPerSecond: 30 })
  })

  for (const [direction, isToServerBlocked, isToClientBlocked] of [
    ['to-server', true, false],
    ['to-client', false, true],
    ['both', true, true]
  ] as const) {
    t.test(`swallows what goes ${direction}`, async t => {
      const { toServer, toClient } = networkWith([{ type: 'blackhole', direction }])

      t.equal(toServer.isBlocked, isToServerBlocked)
      t.equal(toClient.isBlocked, isToClientBlocked)
    })
  }

  t.test('is made of these faults alone', async t => {
    t.strictSame(
      [
        { type: 'latency' } as const,
        { type: 'bandwidth' } as const,
        { type: 'blackhole', direction: 'both' } as const,
        { type: 'hang' } as const,
        { type: 'reset' } as const
      ].map(isOfNetwork),
      [true, true, true, true, false]
    )
  })
})

function networkWith(all: Fault[]) {
  const faults = createFaults(
    () => {},
    () => {}
  )
  for (const fault of all) faults.inject(fault)
  return networkOf(faults, { facts: {}, ticket: faults.ticket() })
}
