/**
 * Owns what `sustained` says: the ideal of each round trip, the share of it that was reached, and the target.
 */
import { median, round as rounded } from '../endpoint/figures.ts'

const CONTESTANTS = ['fastify-neon', 'stock driver'] as const

export type Contestant = (typeof CONTESTANTS)[number]

export interface Round {
  contestant: Contestant
  roundTripMs: number
  round: number
  perSecond: number
}

export interface Row {
  contestant: Contestant
  roundTripMs: number
  perSecond: number
  idealPerSecond: number
  /** Of the ideal: the median of what each round's was. */
  share: number
}

export interface Summary {
  rows: Row[]
  target: number
  ok: boolean
}

export const AT_ONCE = 100
export const CONNECTIONS = 10
/** Reads that may share a connection. */
export const DEPTH = 10
/** The first has no way, so that it shows what the processors allow. */
export const ROUND_TRIPS_MS = [0, 20, 60, 100, 200]

const TARGET = 0.7
const SECOND_MS = 1000

/**
 * What no pool of so many connections can exceed: as many statements are on their way as there are callers, or places
 * on the connections, each for a round trip; and the processors do not answer more than they do without any way.
 */
export function idealPerSecond(roundTripMs: number, processorsPerSecond: number): number {
  const onTheirWay = Math.min(AT_ONCE, CONNECTIONS * DEPTH)
  return Math.min(processorsPerSecond, (onTheirWay * SECOND_MS) / roundTripMs)
}

/** Rounds are compared with their own limit of the processors, which is that of `fastify-neon` without a way. */
export function summarize(rounds: readonly Round[]): Summary {
  const limits = new Map(
    rounds
      .filter(({ contestant, roundTripMs }) => contestant === 'fastify-neon' && roundTripMs === 0)
      .map(({ round, perSecond }) => [round, perSecond])
  )
  const rows = ROUND_TRIPS_MS.flatMap(roundTripMs =>
    CONTESTANTS.map(contestant => rowOf(contestant, roundTripMs))
  )
  const own = rows.filter(({ contestant }) => contestant === 'fastify-neon')
  return { rows, target: TARGET, ok: own.every(({ share }) => share >= TARGET) }

  function rowOf(contestant: Contestant, roundTripMs: number): Row {
    const own = rounds.filter(one => one.contestant === contestant && one.roundTripMs === roundTripMs)
    const idealOf = (round: number) => idealPerSecond(roundTripMs, limits.get(round) ?? Number.NaN)
    const ideals = own.map(({ round }) => idealOf(round))
    const shares = own.map(({ round, perSecond }) => perSecond / idealOf(round))
    return {
      contestant,
      roundTripMs,
      perSecond: rounded(median(own.map(({ perSecond }) => perSecond)), 0),
      idealPerSecond: rounded(median(ideals), 0),
      share: rounded(median(shares), 2)
    }
  }
}

export function tableOf({ rows }: Summary): string {
  const lines = rows.map(({ contestant, roundTripMs, perSecond, idealPerSecond, share }) =>
    [contestant, roundTripMs, perSecond, idealPerSecond, share.toFixed(2)].map(column).join('')
  )
  return [['', 'trip ms', '/s', 'ideal /s', 'share'].map(column).join(''), ...lines].join('\n')
}

function column(text: string | number): string {
  return String(text).padStart(14)
}
