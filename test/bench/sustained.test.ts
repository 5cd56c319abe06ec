import t from 'tap'
import {
  idealPerSecond,
  ROUND_TRIPS_MS,
  type Round,
  summarize,
  tableOf
} from '../../bench/sustained/report.ts'

/** Two rounds of both, the second on a machine of half the speed. */
function roundsOf(share: number): Round[] {
  return [0, 1].flatMap(round =>
    ROUND_TRIPS_MS.flatMap(roundTripMs => {
      const processors = 16_000 / (round + 1)
      const perSecond = idealPerSecond(roundTripMs, processors)
      return [
        { contestant: 'fastify-neon' as const, roundTripMs, round, perSecond: share * perSecond },
        { contestant: 'stock driver' as const, roundTripMs, round, perSecond: perSecond / 10 }
      ].map(one =>
        roundTripMs === 0 && one.contestant === 'fastify-neon' ? { ...one, perSecond: processors } : one
      )
    })
  )
}

t.test('the ideal of a link', async t => {
  t.equal(idealPerSecond(0, 16_000), 16_000, 'without a way is that of the processors')
  t.equal(idealPerSecond(2, 16_000), 16_000, 'of a short one as well')
  t.equal(idealPerSecond(100, 16_000), 1000, 'of a long one is what can be on its way, each for a round trip')
})

t.test('a summary', async t => {
  const { rows, ok } = summarize(roundsOf(0.8))

  t.ok(ok)
  t.match(
    rows.filter(({ contestant }) => contestant === 'fastify-neon').map(({ share }) => share),
    [1, 0.8, 0.8, 0.8, 0.8],
    'compares each round with its own limit'
  )
  t.notOk(summarize(roundsOf(0.69)).ok, 'is not ok below the target')
  t.ok(
    rows.some(({ share }) => share < 0.7),
    'whatever the other one reaches'
  )
  t.notOk(
    summarize(roundsOf(0.8).filter(({ roundTripMs }) => roundTripMs > 0)).ok,
    'nor where nothing tells what the processors allow'
  )
  t.match(tableOf(summarize(roundsOf(0.8))), /^ +fastify-neon +100 +800 +1000 +0\.80$/m)
})
