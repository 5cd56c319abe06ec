/**
 * Random sequences of queries, through NeonClient and through the driver's own client: users see the same.
 */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createLane } from './differential/lane.ts'
import { differenceOf, shown } from './differential/observation.ts'
import { anySequence, askedBy, type Sequence } from './differential/sequences.ts'
import { openSides } from './differential/sides.ts'

// Thousands among the soak tests.
const SEQUENCES = Number(process.env.DIFFERENTIAL_SEQUENCES ?? 150)
// That of a failure has the failure in its first lane.
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31 - 1))
// Most of the time is spent waiting.
const LANES = 6

// To find the shortest sequence that differs, beside what the sequences themselves take.
const SHRINK_LIMIT_MS = 240_000
const SEQUENCE_LIMIT_MS = 500

t.test(`${SEQUENCES} random sequences have the same results as through the driver's own client`, async t => {
  const sides = await openSides(t, LANES)
  t.comment(`DIFFERENTIAL_SEED=${SEED}`)

  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      const [ours, stock] = [createLane(sides.ours, lane), createLane(sides.stock, lane)]
      const isSame = async (sequence: Sequence) => {
        const [own, theirs] = await Promise.all([ours.run(sequence), stock.run(sequence)])
        const difference = differenceOf(own, theirs, name => askedBy(name, sequence))
        if (difference === undefined) return
        await Promise.all([ours.renew(), stock.renew()])
        throw new Error(difference)
      }
      const details = await fc.check(fc.asyncProperty(anySequence, isSame), {
        seed: SEED + lane,
        numRuns: Math.ceil(SEQUENCES / LANES),
        interruptAfterTimeLimit: SHRINK_LIMIT_MS + SEQUENCE_LIMIT_MS * SEQUENCES,
        markInterruptAsFailure: true
      })
      await Promise.all([ours.renew(), stock.renew()])
      if (!details.failed) return
      t.comment(`DIFFERENTIAL_SEED=${SEED + lane}\n${shown(details.counterexample)}`)
      t.error(details.errorInstance)
    })
  )
})
