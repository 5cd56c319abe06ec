/**
 * What holds for a lane whatever is sent, and whatever the network does meanwhile.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createLane, OPEN_LANE } from '../../src/faults/lane.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'

const MAX_STEPS = 30
const LARGE_BYTES = 700_000

const shapes = fc.oneof(
  fc.constant(OPEN_LANE),
  fc.record({
    latencyMs: fc.integer({ min: 0, max: 500 }),
    jitterMs: fc.integer({ min: 0, max: 500 }),
    bytesPerSecond: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 1_000_000 })),
    isBlocked: fc.boolean()
  })
)
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('push' as const), bytes: fc.constantFrom(1, 2, 100, LARGE_BYTES) }),
    fc.record({ do: fc.constant('shape' as const), shape: shapes }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 2000 }) })
  ),
  { maxLength: MAX_STEPS }
)

t.test('a lane, whatever happens', async t => {
  t.test('keeps the order, loses nothing and ends last', async t => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        async (all, luck) => {
          const clock = createManualClock()
          const sent: Array<Buffer | null> = []
          const arrived: Array<Buffer | null> = []
          let isHeldBack = false
          const lane = createLane({
            clock,
            random: () => Number(luck.next().value),
            deliver: piece => arrived.push(piece),
            onRoom: () => {
              isHeldBack = false
            }
          })
          const push = (piece: Buffer | null) => {
            sent.push(piece)
            isHeldBack = !lane.push(piece)
          }

          for (const step of all) {
            if (step.do === 'push') push(Buffer.alloc(step.bytes))
            if (step.do === 'shape') lane.shape(step.shape)
            if (step.do === 'advance') await clock.advance(step.ms)
            assert.ok(isPrefix(arrived, sent), 'what has arrived is what was sent first')
          }
          push(null)
          lane.shape(OPEN_LANE)

          assert.ok(isPrefix(sent, arrived), 'all has arrived')
          assert.equal(isHeldBack, false, 'the sender knows that there is room')
        }
      ),
      { numRuns: 200 }
    )
    t.pass('in all runs')
  })
})

function isPrefix(start: Array<Buffer | null>, whole: Array<Buffer | null>): boolean {
  return start.length <= whole.length && start.every((piece, at) => piece === whole[at])
}
