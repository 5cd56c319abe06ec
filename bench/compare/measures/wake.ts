/**
 * Measures a cold start: the time to the first row when the compute sleeps, with a pool that was used before,
 * and how many statements fail until there is one.
 */
import type { ContestantName } from '../names.ts'
import { wake as question } from '../questions.ts'
import { rotated, type Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

const { MEASURE, CONDITIONS } = question
/** More than any pool here has connections that may have ended. */
const MOST_FAILURES = 20

export async function measureWake(
  stage: Stage,
  contestants: readonly ContestantName[],
  rounds: number
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of rotated(contestants, round)) {
      const figures = await wake(stage, contestant)
      samples.push({ measure: MEASURE, contestant, conditions: CONDITIONS, round, figures })
    }
  }
  return samples
}

async function wake(stage: Stage, contestant: ContestantName) {
  await stage.order(contestant, { type: 'open', url: stage.urlOf({ roundTripMs: 0, tls: false }), max: 10 })
  try {
    await stage.order(contestant, { type: 'once', work: 'key' })
    await stage.suspend()
    return await firstRow(stage, contestant)
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}

async function firstRow(stage: Stage, contestant: ContestantName) {
  const startMs = performance.now()
  for (let failures = 0; ; failures += 1) {
    const isAnswered = await stage.order(contestant, { type: 'once', work: 'key' }).then(
      () => true,
      () => false
    )
    if (isAnswered) return { ms: performance.now() - startMs, failures }
    if (failures === MOST_FAILURES) throw new Error(`${contestant} does not come back from sleep`)
  }
}
