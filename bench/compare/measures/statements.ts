/**
 * Measures statements: how long each takes, how many there are in a second, and what they cost the client's
 * processor, by what is asked for, how many at once, the pool, the added round trip and TLS.
 */
import type { LoadFigures } from '../load.ts'
import type { ContestantName } from '../names.ts'
import { type Conditions, statements } from '../questions.ts'
import { rotated, type Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

export interface StatementsPlan {
  cases: readonly (Conditions & { contestants: readonly ContestantName[] })[]
  rounds: number
  /** No round begins after this, once there are LEAST_ROUNDS, so that a run stays short on a busy machine. @default no limit */
  budgetMs?: number
  warmUpMs: number
  measureMs: number
}

const { MEASURE, describe } = statements
const LEAST_ROUNDS = 3

export async function measureStatements(stage: Stage, plan: StatementsPlan): Promise<Sample[]> {
  const { rounds, budgetMs = Number.POSITIVE_INFINITY } = plan
  const samples: Sample[] = []
  const endMs = performance.now() + budgetMs
  for (let round = 0; round < rounds; round += 1) {
    if (round >= LEAST_ROUNDS && performance.now() > endMs) break
    for (const { contestants, ...conditions } of plan.cases) {
      for (const contestant of rotated(contestants, round)) {
        const figures = await measureOne(stage, contestant, conditions, plan)
        samples.push({ measure: MEASURE, contestant, conditions: describe(conditions), round, figures })
      }
    }
  }
  return samples
}

async function measureOne(
  stage: Stage,
  contestant: ContestantName,
  conditions: Conditions,
  { warmUpMs, measureMs }: StatementsPlan
): Promise<Record<string, number>> {
  const { work, atOnce, max } = conditions
  await stage.order(contestant, { type: 'open', url: stage.urlOf(conditions), max })
  try {
    const order = { type: 'load', work, atOnce, warmUpMs, measureMs } as const
    return { ...(await stage.order<LoadFigures>(contestant, order)) }
  } finally {
    await stage.order(contestant, { type: 'close' })
  }
}
