/**
 * Owns what `edge` says of each service under each load, and what the own one must reach.
 */
import { quantile } from '../endpoint/figures.ts'
import type { LoadResult } from './load.ts'
import type { Asked, Watched } from './watch.ts'

export const CONTESTANTS = ['fastify-neon', 'without shedding', 'under-pressure'] as const

export type Contestant = (typeof CONTESTANTS)[number]

export const CONNECTIONS = [100, 1000, 2000, 5000]

export interface Round {
  contestant: Contestant
  connections: number
  load: LoadResult
  watched: Watched
  logBytes: number
  /** Processor time of the service. */
  cpuSeconds: number
}

export interface Row {
  contestant: Contestant
  connections: number
  /** Answers with what was asked for, and all others, in a second, once all have connected. */
  servedPerSecond: number
  refusedPerSecond: number
  /** In a second of the service's processor time: what a busy machine does not change. */
  servedPerCpuSecond: number
  fresh: Probes
  /** On a new connection to the port of the traffic. */
  freshOnTraffic: Probes
  kept: Probes
  neighbour: Probes
  neighbourP99Ms: number
  rssMib: number
  logKib: number
}

interface Probes {
  asked: number
  /** With 200 in a second. */
  inTime: number
  worstMs: number
}

export interface Summary {
  rows: Row[]
  /** What 2,000 and 5,000 connections get of the best of fewer, at least. */
  share: number
  ok: boolean
}

const IN_TIME_MS = 1000
const TARGET_SHARE = 0.8
const FEW = 1000

export function rowOf({ contestant, connections, load, watched, logBytes, cpuSeconds }: Round): Row {
  const { steady } = load
  const times = watched.neighbour.map(({ tookMs }) => tookMs).sort((one, other) => one - other)
  return {
    contestant,
    connections,
    servedPerSecond: Math.round(count(steady.answers, true) / steady.seconds),
    refusedPerSecond: Math.round(count(steady.answers, false) / steady.seconds),
    servedPerCpuSecond: Math.round(count(load.answers, true) / cpuSeconds),
    fresh: probesOf(watched.fresh),
    freshOnTraffic: probesOf(watched.freshOnTraffic),
    kept: probesOf(watched.kept),
    neighbour: probesOf(watched.neighbour),
    neighbourP99Ms: Math.round(quantile(times, 0.99)),
    rssMib: watched.rssMib,
    logKib: Math.round(logBytes / 1024)
  }
}

/** Those with a status of success, or all others. */
function count(answers: Record<string, number>, isServed: boolean): number {
  return Object.entries(answers)
    .filter(([status]) => status.startsWith('2') === isServed)
    .reduce((total, [, times]) => total + times, 0)
}

function probesOf(asked: Asked[]): Probes {
  return {
    asked: asked.length,
    inTime: asked.filter(({ status, tookMs }) => status === 200 && tookMs <= IN_TIME_MS).length,
    worstMs: Math.round(Math.max(...asked.map(({ tookMs }) => tookMs)))
  }
}

export function summarize(rows: Row[]): Summary {
  const own = rows.filter(({ contestant }) => contestant === 'fastify-neon')
  const served = (isMany: boolean) =>
    own
      .filter(({ connections }) => connections > FEW === isMany)
      .map(({ servedPerSecond }) => servedPerSecond)
  const share = Math.min(...served(true)) / Math.max(...served(false))
  const isQuick = own.every(
    ({ fresh, neighbour, neighbourP99Ms }) =>
      fresh.inTime === fresh.asked && neighbour.inTime === neighbour.asked && neighbourP99Ms < IN_TIME_MS
  )
  return { rows, share: Math.round(share * 100) / 100, ok: isQuick && share >= TARGET_SHARE }
}

const HEAD = [
  'service',
  'connections',
  'served/s',
  'refused/s',
  'served per CPU s',
  'fresh probes in 1 s',
  'on the port of the traffic',
  'kept-alive',
  'neighbour in 1 s',
  'its p99 ms',
  'MiB',
  'log KiB'
]

/** As Markdown. */
export function tableOf({ rows }: Summary): string {
  const lines = rows.map(row => [
    row.contestant,
    row.connections,
    row.servedPerSecond,
    row.refusedPerSecond,
    row.servedPerCpuSecond,
    ...[row.fresh, row.freshOnTraffic, row.kept, row.neighbour].map(
      ({ asked, inTime, worstMs }) => `${inTime} of ${asked}, worst ${worstMs} ms`
    ),
    row.neighbourP99Ms,
    row.rssMib,
    row.logKib
  ])
  return [HEAD, HEAD.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
