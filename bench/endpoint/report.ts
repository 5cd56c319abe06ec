/**
 * Owns what a run says: a table for people, and one line of JSON.
 */
import { median, round, spread } from './figures.ts'
import type { Measured } from './load.ts'

export const CONTESTANTS = ['straight', 'relayTcp', 'endpointTcp', 'endpointWs'] as const
export type Contestant = (typeof CONTESTANTS)[number]

/** One contestant under one load in one round. */
export interface Result extends Measured {
  contestant: Contestant
  sessions: number
  round: number
  /** Processor time of the process in between per query; undefined where there is none. */
  relayCpuUs: number | undefined
}

export interface Summary extends Record<Contestant, { qps: number; p50Ms: number }> {
  /** Queries per second through the endpoint as a share of those through the plain relay, where it is lowest. */
  ratio: { tcp: number; ws: number }
  target: number
  ok: boolean
}

/** As many as a service's pool has. */
export const QPS_SESSIONS = 10
/** With nobody else on the way. */
export const LATENCY_SESSIONS = 1
/** Least share of the plain relay's queries per second. */
const TARGET = 0.6

export function summarize(results: readonly Result[]): Summary {
  const ratio = {
    tcp: round(lowestRatio(results, 'endpointTcp'), 2),
    ws: round(lowestRatio(results, 'endpointWs'), 2)
  }
  return {
    endpointTcp: figuresOf(results, 'endpointTcp'),
    endpointWs: figuresOf(results, 'endpointWs'),
    relayTcp: figuresOf(results, 'relayTcp'),
    straight: figuresOf(results, 'straight'),
    ratio,
    target: TARGET,
    ok: ratio.tcp >= TARGET && ratio.ws >= TARGET
  }
}

export function tableOf(results: readonly Result[]): string {
  const header = ['sessions', 'contestant', 'qps', 'spread', 'p50 ms', 'p99 ms', 'of relay', 'relay cpu us']
  const rows = loadsOf(results).flatMap(sessions =>
    CONTESTANTS.map(contestant => {
      const own = select(results, contestant, sessions)
      const qps = own.map(result => result.qps)
      const cpuUs = own.flatMap(({ relayCpuUs }) => relayCpuUs ?? [])
      return [
        String(sessions),
        contestant,
        median(qps).toFixed(0),
        `${(spread(qps) * 100).toFixed(0)} %`,
        median(own.map(({ p50Ms }) => p50Ms)).toFixed(3),
        median(own.map(({ p99Ms }) => p99Ms)).toFixed(3),
        ratioAt(results, contestant, sessions).toFixed(2),
        cpuUs.length === 0 ? '' : median(cpuUs).toFixed(1)
      ]
    })
  )
  const widths = header.map((title, column) =>
    Math.max(...[header, ...rows].map(row => (row[column] ?? title).length))
  )
  return [header, ...rows]
    .map(row => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
    .join('\n')
}

function figuresOf(results: readonly Result[], contestant: Contestant): { qps: number; p50Ms: number } {
  return {
    qps: round(median(select(results, contestant, QPS_SESSIONS).map(({ qps }) => qps)), 0),
    p50Ms: round(median(select(results, contestant, LATENCY_SESSIONS).map(({ p50Ms }) => p50Ms)), 3)
  }
}

function lowestRatio(results: readonly Result[], contestant: Contestant): number {
  return Math.min(...loadsOf(results).map(sessions => ratioAt(results, contestant, sessions)))
}

/** The median of the ratios, each of one round: what disturbs a round disturbs both. */
function ratioAt(results: readonly Result[], contestant: Contestant, sessions: number): number {
  const relay = select(results, 'relayTcp', sessions)
  const ratios = select(results, contestant, sessions).flatMap(own =>
    relay.filter(({ round }) => round === own.round).map(other => own.qps / other.qps)
  )
  return median(ratios)
}

function select(results: readonly Result[], contestant: Contestant, sessions: number): Result[] {
  return results.filter(result => result.contestant === contestant && result.sessions === sessions)
}

function loadsOf(results: readonly Result[]): number[] {
  return [...new Set(results.map(({ sessions }) => sessions))].toSorted((left, right) => left - right)
}
