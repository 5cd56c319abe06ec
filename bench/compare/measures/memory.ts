/**
 * Measures memory: what each of a thousand requests holds while it waits for an answer, and what each connection holds
 * that nobody uses.
 */
import type { ContestantName } from '../names.ts'
import { memory } from '../questions.ts'
import type { Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

const { MEASURE, WAITING, CONNECTIONS, CONDITIONS, IDLE_CONDITIONS } = memory
// Of the ways through the relay, only one with a delay counts its connections.
const WAY = { roundTripMs: 2, tls: false } as const

export async function measureMemory(
  stage: Stage,
  contestants: readonly ContestantName[],
  rounds: number
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of contestants) {
      const bytes = await wait(stage, contestant)
      const idleBytes = await idle(stage, contestant)
      samples.push({ measure: MEASURE, contestant, conditions: CONDITIONS, round, figures: { bytes } })
      samples.push({
        measure: MEASURE,
        contestant,
        conditions: IDLE_CONDITIONS,
        round,
        figures: { bytes: idleBytes }
      })
    }
  }
  return samples
}

async function wait(stage: Stage, contestant: ContestantName): Promise<number> {
  await stage.order(contestant, { type: 'open', url: stage.urlOf(WAY), max: 10 })
  try {
    return await stage.order<number>(contestant, { type: 'memory', work: 'key', atOnce: WAITING })
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}

/** Of each, by what the relay has seen of them: who shares connections may have opened fewer. */
async function idle(stage: Stage, contestant: ContestantName): Promise<number> {
  await stage.relay({ type: 'forget' })
  await stage.order(contestant, { type: 'open', url: stage.urlOf(WAY), max: CONNECTIONS })
  try {
    const order = { type: 'idle', work: 'write', atOnce: CONNECTIONS } as const
    const bytes = await stage.order<number>(contestant, order)
    const { connections } = await stage.relay({ type: 'count' })
    return bytes / connections
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
