/**
 * Measures a burst: the time until all of so many statements, asked at once on connections that are open, are
 * answered.
 */
import { median } from '../../endpoint/figures.ts'
import type { ContestantName } from '../names.ts'
import { burst as question } from '../questions.ts'
import { rotated, type Sample } from '../samples.ts'
import type { RoundTripMs, Stage } from '../stage.ts'

export interface BurstPlan {
  contestants: readonly ContestantName[]
  roundTripsMs: readonly RoundTripMs[]
  rounds: number
}

const { MEASURE, AT_ONCE, CONNECTIONS, describe } = question
const TIMES = 3

export async function measureBurst(
  stage: Stage,
  { contestants, roundTripsMs, rounds }: BurstPlan
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const roundTripMs of roundTripsMs) {
      for (const contestant of rotated(contestants, round)) {
        const ms = await burst(stage, contestant, roundTripMs)
        const conditions = describe(roundTripMs)
        samples.push({ measure: MEASURE, contestant, conditions, round, figures: { ms } })
      }
    }
  }
  return samples
}

async function burst(stage: Stage, contestant: ContestantName, roundTripMs: RoundTripMs): Promise<number> {
  const url = stage.urlOf({ roundTripMs, tls: false })
  await stage.order(contestant, { type: 'open', url, max: CONNECTIONS })
  try {
    const order = { type: 'bursts', work: 'key', atOnce: AT_ONCE, times: TIMES } as const
    return median(await stage.order<number[]>(contestant, order))
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
