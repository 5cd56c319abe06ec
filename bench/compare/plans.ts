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
  /** With all processes on one processor. */
  pinned: readonly StatementsPlan[]
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
/** What people run: Drizzle in front of each, in both of its lines. */
export const WITH_DRIZZLE: ContestantName[] = [
  'fastify-neon',
  'stock driver with Drizzle',
  'Drizzle on node-postgres',
  'fastify-neon on Drizzle 1.0',
  'Drizzle 1.0 on node-postgres'
]
const OWN_AND_STOCK: ContestantName[] = ['fastify-neon', 'stock driver with Drizzle']
const OWN_AND_PG: ContestantName[] = ['fastify-neon, pool alone', 'pg']
/** By latency: a few answers tell it, and the difference is large. */
const FAR = { rounds: 3, warmUpMs: 0, measureMs: 500 }
/** Short rounds and many of them: who else works on the machine disturbs all contestants of a round, or none. */
const NEAREST = { rounds: 7, warmUpMs: 50, measureMs: 150 }
const NEAR = { rounds: 5, warmUpMs: 100, measureMs: 300 }
/** Long enough that a burst is over, and a queue as long as it becomes. */
const SUSTAINED = { rounds: 3, warmUpMs: 800, measureMs: 1200 }
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
  pinned: [],
  burst: { contestants: OWN_AND_STOCK, roundTripsMs: [0, 20], rounds: 2 },
  connection: ['fastify-neon', 'stock driver with Drizzle', 'pg'],
  http: { roundTripsMs: [0], rounds: 3, warmUpSeconds: 1, measureSeconds: 1.5 },
  others: { floor: 0, wake: 0, memory: 0 }
}

const DRIZZLE_WORKS = ['key', 'list', 'insert', 'update', 'read', 'write'] as const
/** What the comparison with Drizzle on both sides is made from. */
export const WAYS_OF_DRIZZLE = [
  { title: 'without TLS', tls: false, isPinned: false, atOnce: [1, 10, 100, 1000] },
  { title: 'over TLS', tls: true, isPinned: false, atOnce: [1, 10, 100, 1000] },
  { title: 'without TLS, on one processor', tls: false, isPinned: true, atOnce: [1, 10, 100] },
  { title: 'over TLS, on one processor', tls: true, isPinned: true, atOnce: [1, 10, 100] }
] as const

export const ALL: Plan = {
  warmUp: warmUp(CONTESTANT_NAMES),
  statements: [
    { ...NEAR, cases: withDrizzle(false) },
    {
      ...SUSTAINED,
      cases: loads('key', { atOnce: [1000], roundTripMs: [20, 60, 100, 200], contestants: WITH_DRIZZLE })
    },
    {
      ...NEAR,
      rounds: 3,
      cases: [
        ...loads('key', { atOnce: [1, 10, 100, 1000], roundTripMs: [0, 2] }),
        ...loads('key', { atOnce: [1, 10, 100], roundTripMs: [20] }),
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
  pinned: [{ ...NEAR, rounds: 3, cases: withDrizzle(true) }],
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

function withDrizzle(isPinned: boolean): StatementsPlan['cases'] {
  return WAYS_OF_DRIZZLE.filter(way => way.isPinned === isPinned).flatMap(({ tls, atOnce }) =>
    DRIZZLE_WORKS.flatMap(work =>
      loads(work, { atOnce, roundTripMs: [0], tls, isPinned, contestants: WITH_DRIZZLE })
    )
  )
}

interface Loads {
  atOnce: readonly number[]
  roundTripMs: readonly Conditions['roundTripMs'][]
  max?: number
  tls?: boolean
  isPinned?: boolean
  contestants?: readonly ContestantName[]
}

function loads(
  work: Conditions['work'],
  { atOnce, roundTripMs, max = 10, tls = false, isPinned = false, contestants = CONTESTANT_NAMES }: Loads
) {
  return roundTripMs.flatMap(length =>
    atOnce.map(count => {
      const conditions: Conditions = { work, atOnce: count, max, roundTripMs: length, tls, isPinned }
      return { ...conditions, contestants }
    })
  )
}
