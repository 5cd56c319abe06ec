/**
 * `npm --prefix bench run endpoint`: what the local endpoint costs. The same load goes straight
 * to Postgres, through a plain relay and through the endpoint; the last line is JSON.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { type Measured, runLoad } from './endpoint/load.ts'
import type { LocalNeonReady } from './endpoint/local-neon.ts'
import type { Login } from './endpoint/messages.ts'
import type { RelayReady } from './endpoint/plain-relay.ts'
import {
  CONTESTANTS,
  type Contestant,
  LATENCY_SESSIONS,
  QPS_SESSIONS,
  type Result,
  summarize,
  tableOf
} from './endpoint/report.ts'
import { openSocket, openWebSocket, type Transport } from './endpoint/transport.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'
import type { ContestantProcess } from './process/process.ts'

interface Way {
  open: () => Promise<Transport>
  /** The process between the load and Postgres. */
  between?: ContestantProcess<object>
}

/** The last one is below the 100 sessions that Postgres takes, some of which are for the superuser. */
const LOADS = [LATENCY_SESSIONS, QPS_SESSIONS, 80]
/** Many short rounds: what disturbs one contestant for seconds disturbs its neighbours as well. */
const ROUNDS = 8
const LEAST_ROUNDS = 3
/** No round begins after this, so that the run stays short on a busy machine. */
const BUDGET_MS = 65_000
const WARM_UP_MS = 100
const MEASURE_MS = 400
const RESULTS = new URL('results/', import.meta.url)

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  const neon = await start<LocalNeonReady>(new URL('endpoint/local-neon.ts', import.meta.url))
  const relay = await start<RelayReady>(
    new URL('endpoint/plain-relay.ts', import.meta.url),
    neon.ready.socketPath
  )
  const url = new URL(neon.ready.url)
  const login = { user: url.username, password: url.password, database: url.pathname.slice(1) }
  const port = Number(url.port)
  const ways: Record<Contestant, Way> = {
    straight: { open: () => openSocket({ path: neon.ready.socketPath }) },
    relayTcp: { open: () => openSocket({ host: '127.0.0.1', port: relay.ready.port }), between: relay },
    endpointTcp: { open: () => openSocket({ host: '127.0.0.1', port }), between: neon },
    endpointWs: { open: () => openWebSocket(port, url.hostname), between: neon }
  }
  const results = await measureAll(ways, { login, signal })
  await keep(results)
  const summary = JSON.stringify(summarize(results))
  process.stdout.write(`${tableOf(results)}\n\n${summary}\n`)
}

/** What each load gets. */
interface Given {
  login: Login
  signal: AbortSignal
}

/** All contestants meet each load in each round, in an order that moves on from round to round. */
async function measureAll(ways: Record<Contestant, Way>, given: Given): Promise<Result[]> {
  const results: Result[] = []
  const endMs = performance.now() + BUDGET_MS
  for (let round = 0; round < ROUNDS; round++) {
    if (round >= LEAST_ROUNDS && performance.now() > endMs) break
    const order = [
      ...CONTESTANTS.slice(round % CONTESTANTS.length),
      ...CONTESTANTS.slice(0, round % CONTESTANTS.length)
    ]
    for (const sessions of LOADS) {
      for (const contestant of order) {
        results.push({ contestant, sessions, round, ...(await measure(ways[contestant], given, sessions)) })
      }
    }
  }
  return results
}

async function measure(
  { open, between }: Way,
  { login, signal }: Given,
  sessions: number
): Promise<Measured & { relayCpuUs: number | undefined }> {
  const cpuUs: number[] = []
  const measured = await runLoad({
    open,
    login,
    sessions,
    warmUpMs: WARM_UP_MS,
    measureMs: MEASURE_MS,
    onEdge: async () => {
      if (between) cpuUs.push(await between.cpuUs())
    },
    signal
  })
  const [before, after] = cpuUs
  const isKnown = before !== undefined && after !== undefined
  return { ...measured, relayCpuUs: isKnown ? (after - before) / measured.queries : undefined }
}

async function keep(results: readonly Result[]) {
  const at = new Date().toISOString()
  const machine = {
    node: process.version,
    platform: process.platform,
    cpus: cpus().length,
    model: cpus()[0]?.model
  }
  await mkdir(RESULTS, { recursive: true })
  const file = new URL(`endpoint-${at.replaceAll(':', '-')}.json`, RESULTS)
  await writeFile(file, `${JSON.stringify({ at, machine, results }, null, 1)}\n`)
}
