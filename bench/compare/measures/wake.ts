/**
 * Measures a cold start: the time to the first row when the compute sleeps, with a pool that was used before.
 */
import type { ContestantName } from '../names.ts'
import { rotated, type Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

export const MEASURE = 'wake'
export const CONDITIONS = 'first row from sleep'

export async function measureWake(
  stage: Stage,
  contestants: readonly ContestantName[],
  rounds: number
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of rotated(contestants, round)) {
      const ms = await wake(stage, contestant)
      samples.push({ measure: MEASURE, contestant, conditions: CONDITIONS, round, figures: { ms } })
    }
  }
  return samples
}

async function wake(stage: Stage, contestant: ContestantName): Promise<number> {
  await stage.order(contestant, { type: 'open', url: stage.urlOf({ roundTripMs: 0, tls: false }), max: 10 })
  try {
    await stage.order(contestant, { type: 'once', work: 'key' })
    await stage.suspend()
    return await stage.order<number>(contestant, { type: 'once', work: 'key' })
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
