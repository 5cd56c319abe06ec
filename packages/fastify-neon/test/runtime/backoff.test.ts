import t from 'tap'
import { backoffMs } from '../../src/runtime/backoff.ts'

t.test('a pause', async t => {
  t.test('doubles up to the most, and is at least half of it', async t => {
    const pauses = (random: () => number) =>
      [1, 2, 3, 4].map(failures => backoffMs({ firstMs: 100, maxMs: 400, failures, random }))

    t.strictSame(
      pauses(() => 0),
      [50, 100, 200, 200]
    )
    t.strictSame(
      pauses(() => 1),
      [100, 200, 400, 400]
    )
  })

  t.test('differs from that of others who failed together', async t => {
    const pauses = Array.from({ length: 20 }, () => backoffMs({ firstMs: 100, maxMs: 400, failures: 1 }))

    t.ok(new Set(pauses).size > 1)
  })
})
