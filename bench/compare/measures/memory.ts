/**
 * Measures memory: what each of a thousand requests holds while it waits for an answer.
 */
import type { ContestantName } from '../names.ts'
import { memory } from '../questions.ts'
import type { Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

const { MEASURE, WAITING, CONDITIONS } = memory

export async function measureMemory(
  stage: Stage,
  contestants: readonly ContestantName[],
  rounds: number
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) {
      const bytes = await wait(stage, contestant)
      samples.push({ measure: MEASURE, contestant, conditions: CONDITIONS, round, figures: { bytes } })
    }
  }
  return samples
}

async function wait(stage: Stage, contestant: ContestantName): Promise<number> {
  await stage.order(contestant, { type: 'open', url: stage.urlOf({ roundTripMs: 2, tls: false }), max: 10 })
  try {
    return await stage.order<number>(contestant, { type: 'memory', work: 'key', atOnce: WAITING })
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
