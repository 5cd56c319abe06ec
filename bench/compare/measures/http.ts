/**
 * Measures the whole request: `GET /tasks` of a signed-in user on 100 connections, and the time from the start
 * of the process to the first answer.
 */
import autocannon from 'autocannon'
import type { ContestantProcess } from '../../process/process.ts'
import type { HttpReady } from '../http-contestant.ts'
import { HTTP_NAMES, type HttpName } from '../names.ts'
import { http } from '../questions.ts'
import { rotated, type Sample } from '../samples.ts'
import type { RoundTripMs, Stage } from '../stage.ts'

export interface HttpPlan {
  roundTripsMs: readonly RoundTripMs[]
  rounds: number
  warmUpSeconds: number
  measureSeconds: number
}

const { MEASURE, START_MEASURE, CONNECTIONS, describe } = http

interface App {
  name: HttpName
  process: ContestantProcess<HttpReady>
}

export async function measureHttp(stage: Stage, plan: HttpPlan): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const roundTripMs of plan.roundTripsMs) samples.push(...(await measureAt(stage, plan, roundTripMs)))
  return samples
}

async function measureAt(stage: Stage, plan: HttpPlan, roundTripMs: RoundTripMs): Promise<Sample[]> {
  const samples: Sample[] = []
  const apps: App[] = []
  const conditions = describe(roundTripMs)
  try {
    for (const name of HTTP_NAMES) {
      const startMs = performance.now()
      const process = await stage.startApp(name, { roundTripMs, tls: false })
      apps.push({ name, process })
      await ask(stage, process)
      const figures = { ms: performance.now() - startMs }
      samples.push({ measure: START_MEASURE, contestant: name, conditions, round: 0, figures })
    }
    for (const { process } of apps) await load(stage, process, plan.warmUpSeconds)
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const { name, process } of rotated(apps, round)) {
        const figures = await load(stage, process, plan.measureSeconds)
        samples.push({ measure: MEASURE, contestant: name, conditions, round, figures })
      }
    }
    return samples
  } finally {
    await Promise.all(apps.map(({ process }) => process.end()))
  }
}

async function ask({ token }: Stage, { ready }: ContestantProcess<HttpReady>) {
  const { status } = await fetch(`http://127.0.0.1:${ready.port}/tasks`, {
    headers: { authorization: `Bearer ${token}` }
  })
  if (status !== 200) throw new Error(`GET /tasks was answered with ${status}`)
}

async function load(
  { token, signal }: Stage,
  { ready, cpuUs }: ContestantProcess<HttpReady>,
  duration: number
) {
  signal.throwIfAborted()
  const before = await cpuUs()
  const result = await autocannon({
    url: `http://127.0.0.1:${ready.port}/tasks`,
    connections: CONNECTIONS,
    duration,
    headers: { authorization: `Bearer ${token}` }
  })
  const answered = result['2xx']
  if (result.errors + result.non2xx > 0)
    throw new Error(`${result.errors + result.non2xx} requests have failed`)
  return {
    perSecond: answered / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuUs: ((await cpuUs()) - before) / answered
  }
}
