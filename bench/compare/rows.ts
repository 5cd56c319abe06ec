/**
 * Owns what the project promises of its speed: each a ratio from one run, and the target that it has to reach.
 */

import { median } from '../endpoint/figures.ts'
import type { ContestantName } from './names.ts'
import {
  burst,
  type Conditions,
  connection,
  http,
  statements as ofStatements,
  promises
} from './questions.ts'
import { figuresOf, medianOf, ratioOf, type Sample } from './samples.ts'
import type { Work } from './works.ts'

export interface Row {
  name: string
  ratio: number
  target: number
  ok: boolean
}

interface Target {
  /** Ends with what the bound is of. */
  name: string
  bound: 'at least' | 'at most'
  target: number
  ratio(samples: readonly Sample[]): number
}

const OWN = 'fastify-neon'
const OWN_POOL = 'fastify-neon, pool alone'
const STOCK = 'stock driver with Drizzle'
const STOCK_POOL = 'stock driver alone'
const PG = 'pg'

const ONE: Conditions = { work: 'key', atOnce: 1, max: 10, roundTripMs: 0, tls: false }
const HUNDRED: Conditions = { ...ONE, atOnce: 100 }
const FAR_MS = 20
const SECOND_MS = 1000

const TARGETS: readonly Target[] = [
  ...[
    { layer: 'pool alone', own: OWN_POOL, stock: STOCK_POOL } as const,
    { layer: 'with Drizzle', own: OWN, stock: STOCK } as const
  ].flatMap(({ layer, own, stock }): Target[] => [
    {
      name: `one at a time, ${layer}: times faster than the stock driver (p50)`,
      bound: 'at least',
      target: 6,
      ratio: samples => statements(samples, stock, own, ONE, 'p50Ms')
    },
    {
      name: `100 at once, pool 10, ${layer}: statements per second, of the stock driver's`,
      bound: 'at least',
      target: 3,
      ratio: samples => statements(samples, own, stock, HUNDRED, 'perSecond')
    }
  ]),
  {
    name: 'one at a time, pool alone: time of one, of that of pg over an equal TCP relay (p50)',
    bound: 'at most',
    target: 1.3,
    ratio: samples => statements(samples, OWN_POOL, PG, ONE, 'p50Ms')
  },
  {
    name: '100 at once, pool 10, pool alone, ws: statements per second, of those of pg through an equal relay',
    bound: 'at least',
    target: 0.95,
    ratio: samples => statements(samples, OWN_POOL, PG, HUNDRED, 'perSecond')
  },
  {
    name: '100 at once, pool 10, pool alone, wss: statements per second, of those of pg with TLS',
    bound: 'at least',
    target: 0.9,
    ratio: samples => statements(samples, OWN_POOL, PG, { ...HUNDRED, tls: true }, 'perSecond')
  },
  {
    name: 'user-isolated read at 20 ms: round trips',
    bound: 'at most',
    target: 1.2,
    ratio: samples => roundTripsOf(samples, OWN, 'read')
  },
  {
    name: 'user-isolated write at 20 ms: round trips',
    bound: 'at most',
    target: 2.2,
    ratio: samples => roundTripsOf(samples, OWN, 'write')
  },
  {
    name: '100 single statements at once at 20 ms on 10 connections: round trips in all',
    bound: 'at most',
    target: 3,
    ratio: samples => burstRoundTripsOf(samples, OWN)
  },
  {
    name: 'new connection to first row over wss: round trips on the wire',
    bound: 'at most',
    target: 5,
    ratio: samples => connectionRoundTripsOf(samples, OWN, true)
  },
  {
    name: 'GET /tasks on 100 connections: requests per second, of the stock driver with the same routes',
    bound: 'at least',
    target: 2,
    ratio: samples => requests(samples, 'stock')
  },
  {
    name: 'GET /tasks on 100 connections: requests per second, of Drizzle on node-postgres with the same isolation',
    bound: 'at least',
    target: 3,
    ratio: samples => requests(samples, 'node-postgres')
  },
  {
    name: 'CPU per statement, 100 at once, pool alone: of that of pg',
    bound: 'at most',
    target: 1.5,
    ratio: samples => statements(samples, OWN_POOL, PG, HUNDRED, 'cpuUs')
  },
  {
    name: 'started into 100 requests over wss: seconds to the first answer',
    bound: 'at most',
    target: 2,
    ratio: samples => promise(samples, 'connectMs') / SECOND_MS
  },
  {
    name: 'started into 100 requests over wss: seconds to live and ready',
    bound: 'at most',
    target: 2,
    ratio: samples => promise(samples, 'healthMs') / SECOND_MS
  },
  {
    name: 'started into 100 requests over wss: failures',
    bound: 'at most',
    target: 0,
    ratio: samples => promise(samples, 'failures')
  },
  {
    name: '1,000 at once over wss: failures',
    bound: 'at most',
    target: 0,
    ratio: samples => promise(samples, 'queueFailures')
  },
  {
    name: '1,000 at once over wss: longest wait, of the deadline of 10 s',
    bound: 'at most',
    target: 1,
    ratio: samples => promise(samples, 'queueLastMs') / (10 * SECOND_MS)
  },
  {
    name: '1,000 at once over wss: share of them that overtakes the unluckiest',
    bound: 'at most',
    target: 0.5,
    ratio: samples => promise(samples, 'queueLateShare')
  }
]

export function rowsOf(samples: readonly Sample[]): Row[] {
  return TARGETS.map(({ name, bound, target, ratio }) => {
    const reached = significant(ratio(samples))
    return { name: `${name}, ${bound}`, ratio: reached, target, ok: isWithin(reached, bound, target) }
  })
}

/** What the longer way adds, in round trips of one statement of `pg`, which waits for the same timers. */
export function roundTripsOf(samples: readonly Sample[], contestant: ContestantName, work: Work): number {
  const own = addedMs(samples, contestant, work)
  const reference = addedMs(samples, PG, 'key')
  const ratios = own.flatMap((ms, round) => {
    const referenceMs = reference[round]
    return referenceMs === undefined ? [] : [ms / referenceMs]
  })
  return median(ratios)
}

export function burstRoundTripsOf(samples: readonly Sample[], contestant: ContestantName): number {
  const msAt = (roundTripMs: number) => {
    const conditions = burst.describe(roundTripMs)
    return medianOf(samples, { measure: burst.MEASURE, contestant, conditions }, 'ms')
  }
  return (msAt(FAR_MS) - msAt(0)) / median(addedMs(samples, PG, 'key'))
}

export function connectionRoundTripsOf(
  samples: readonly Sample[],
  contestant: ContestantName,
  tls: boolean
): number {
  const question = { measure: connection.MEASURE, contestant, conditions: connection.describe(tls) }
  return medianOf(samples, question, 'roundTrips')
}

/** By round. */
function addedMs(samples: readonly Sample[], contestant: ContestantName, work: Work): number[] {
  const at = (roundTripMs: 0 | typeof FAR_MS) => ({
    measure: ofStatements.MEASURE,
    contestant,
    conditions: ofStatements.describe({ ...ONE, work, roundTripMs })
  })
  const nearMs = medianOf(samples, at(0), 'p50Ms')
  return figuresOf(samples, at(FAR_MS), 'p50Ms').map(ms => ms - nearMs)
}

function statements(
  samples: readonly Sample[],
  one: ContestantName,
  other: ContestantName,
  conditions: Conditions,
  figure: 'p50Ms' | 'perSecond' | 'cpuUs'
): number {
  const of = (contestant: ContestantName) => ({
    measure: ofStatements.MEASURE,
    contestant,
    conditions: ofStatements.describe(conditions)
  })
  return ratioOf(samples, of(one), of(other), figure)
}

function requests(samples: readonly Sample[], other: string): number {
  const of = (contestant: string) => ({ measure: http.MEASURE, contestant, conditions: http.describe(0) })
  return ratioOf(samples, of(OWN), of(other), 'perSecond')
}

function promise(samples: readonly Sample[], figure: string): number {
  const question = { measure: promises.MEASURE, contestant: OWN, conditions: promises.CONDITIONS }
  return medianOf(samples, question, figure)
}

function isWithin(ratio: number, bound: Target['bound'], target: number): boolean {
  if (bound === 'at most') return ratio <= target
  return ratio >= target
}

function significant(value: number): number {
  return Number(value.toPrecision(3))
}
