/**
 * Measures a new connection: its round trips from the handshake of TCP to the first row, as the relay counts
 * them on the wire.
 */
import type { ContestantName } from '../names.ts'
import { connection } from '../questions.ts'
import type { Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

const { MEASURE, describe } = connection
/** Long beside the time that either side takes, so that bytes which nobody waited for are not taken for an answer. */
const ROUND_TRIP_MS = 20

export async function measureConnection(
  stage: Stage,
  contestants: readonly ContestantName[]
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const tls of [true, false]) {
    for (const contestant of contestants) {
      const figures = await connect(stage, contestant, tls)
      samples.push({ measure: MEASURE, contestant, conditions: describe(tls), round: 0, figures })
    }
  }
  return samples
}

async function connect(stage: Stage, contestant: ContestantName, tls: boolean) {
  await stage.relay({ type: 'forget' })
  const url = stage.urlOf({ roundTripMs: ROUND_TRIP_MS, tls })
  await stage.order(contestant, { type: 'open', url, max: 1 })
  try {
    await stage.order(contestant, { type: 'once', work: 'key' })
    const { roundTrips } = await stage.relay({ type: 'count' })
    return { roundTrips }
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
