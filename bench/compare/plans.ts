/**
 * Owns how much is measured: `quick` what the rows are made from, `all` every load.
 */
import type { BurstPlan } from './measures/burst.ts'
import type { HttpPlan } from './measures/http.ts'
import type { StatementsPlan } from './measures/statements.ts'
import { CONTESTANT_NAMES, type ContestantName } from './names.ts'
import type { Conditions } from './questions.ts'

export interface Plan {
  /** Before anything counts, so that the code of all is hot. */
  warmUp: readonly StatementsPlan[]
  statements: readonly StatementsPlan[]
  burst: BurstPlan
  connection: readonly ContestantName[]
  http: HttpPlan
  /** Rounds of what the rows do not need. */
  others: { floor: number; wake: number; memory: number }
}

const COMPARED: ContestantName[] = [
  'fastify-neon',
  'fastify-neon, pool alone',
  'stock driver with Drizzle',
  'stock driver alone',
  'pg'
]
const OWN_AND_STOCK: ContestantName[] = ['fastify-neon', 'stock driver with Drizzle']
const OWN_AND_PG: ContestantName[] = ['fastify-neon, pool alone', 'pg']
/** By latency: a few answers tell it, and the difference is large. */
const FAR = { rounds: 3, warmUpMs: 0, measureMs: 500 }
/** Short rounds and many of them: who else works on the machine disturbs all contestants of a round, or none. */
const NEAREST = { rounds: 7, warmUpMs: 50, measureMs: 150 }
const NEAR = { rounds: 5, warmUpMs: 100, measureMs: 300 }
const QUICK_BUDGET_MS = 25_000

const ONE: Conditions = { work: 'key', atOnce: 1, max: 10, roundTripMs: 0, tls: false }
const HUNDRED: Conditions = { ...ONE, atOnce: 100 }

export const QUICK: Plan = {
  warmUp: warmUp(COMPARED),
  statements: [
    { ...NEAREST, budgetMs: QUICK_BUDGET_MS, cases: [{ ...ONE, contestants: COMPARED }] },
    {
      ...NEAR,
      budgetMs: QUICK_BUDGET_MS,
      cases: [
        { ...HUNDRED, contestants: COMPARED },
        { ...HUNDRED, tls: true, contestants: OWN_AND_PG }
      ]
    },
    {
      ...FAR,
      cases: [
        ...(['read', 'write'] as const).flatMap(work =>
          ([0, 20] as const).map(roundTripMs => ({ ...ONE, work, roundTripMs, contestants: OWN_AND_STOCK }))
        ),
        { ...ONE, roundTripMs: 20, contestants: ['pg'] }
      ]
    }
  ],
  burst: { contestants: OWN_AND_STOCK, roundTripsMs: [0, 20], rounds: 2 },
  connection: ['fastify-neon', 'stock driver with Drizzle', 'pg'],
  http: { roundTripsMs: [0], rounds: 3, warmUpSeconds: 1, measureSeconds: 1.5 },
  others: { floor: 0, wake: 0, memory: 0 }
}

export const ALL: Plan = {
  warmUp: warmUp(CONTESTANT_NAMES),
  statements: [
    {
      ...NEAR,
      rounds: 3,
      cases: [
        ...loads('key', { atOnce: [1, 10, 100, 1000], roundTripMs: [0, 2, 20] }),
        ...loads('read', { atOnce: [1, 100], roundTripMs: [0, 2, 20] }),
        ...loads('write', { atOnce: [1, 100], roundTripMs: [0, 20] }),
        ...loads('list', { atOnce: [1, 100], roundTripMs: [0] }),
        ...loads('key', { atOnce: [100], roundTripMs: [0, 20], max: 5 }),
        ...loads('key', { atOnce: [100], roundTripMs: [0, 20], max: 20 }),
        ...loads('key', { atOnce: [1, 100], roundTripMs: [0], tls: true }),
        ...loads('read', { atOnce: [100], roundTripMs: [0], tls: true })
      ]
    }
  ],
  burst: { contestants: CONTESTANT_NAMES, roundTripsMs: [0, 20], rounds: 3 },
  connection: CONTESTANT_NAMES,
  http: { roundTripsMs: [0, 2, 20], rounds: 3, warmUpSeconds: 1, measureSeconds: 2 },
  others: { floor: 3, wake: 3, memory: 3 }
}

/** One at a time for long, since that is how the fewest statements are made in a while. */
function warmUp(contestants: readonly ContestantName[]): StatementsPlan[] {
  const cases = (['key', 'read', 'write', 'list'] as const).map(work => ({ ...HUNDRED, work, contestants }))
  return [
    { rounds: 1, warmUpMs: 0, measureMs: 150, cases },
    { rounds: 1, warmUpMs: 0, measureMs: 1500, cases: [{ ...ONE, contestants }] }
  ]
}

interface Loads {
  atOnce: readonly number[]
  roundTripMs: readonly Conditions['roundTripMs'][]
  max?: number
  tls?: boolean
}

function loads(work: Conditions['work'], { atOnce, roundTripMs, max = 10, tls = false }: Loads) {
  return roundTripMs.flatMap(length =>
    atOnce.map(count => {
      const conditions: Conditions = { work, atOnce: count, max, roundTripMs: length, tls }
      return { ...conditions, contestants: CONTESTANT_NAMES }
    })
  )
}
