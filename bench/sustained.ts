/**
 * `npm --prefix bench run sustained`: how much of what a long link can carry is carried, for as long as it lasts, by
 * the pool and by the stock driver's. The last line is JSON; the exit code is 1 when a share is below its target.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { neonConfig, Pool } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
import { verifyConnectionUrl } from '../packages/fastify-neon/src/connection-string/connection-url.ts'
import { NeonPool, POOL_DEFAULTS } from '../packages/fastify-neon/src/pool/pool.ts'
import type { RelayReady, RelaySettings } from './compare/relay.ts'
import { rotated } from './compare/samples.ts'
import type { LocalNeonReady } from './endpoint/local-neon.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'
import {
  AT_ONCE,
  CONNECTIONS,
  type Contestant,
  DEPTH,
  ROUND_TRIPS_MS,
  type Round,
  summarize,
  tableOf
} from './sustained/report.ts'

const ROUNDS = 5
// What a burst brings is over by then.
const WARM_UP_MS = 1000
const MEASURE_MS = 3000
const RESULTS = new URL('results/', import.meta.url)

interface Asked {
  contestant: Contestant
  roundTripMs: number
  query: (text: string, values: unknown[]) => Promise<unknown>
  end: () => Promise<void>
}

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  const { ready: neon } = await start<LocalNeonReady>(new URL('endpoint/local-neon.ts', import.meta.url))
  const settings: RelaySettings = { port: Number(new URL(neon.url).port), roundTripsMs: ROUND_TRIPS_MS }
  const relay = new URL('compare/relay.ts', import.meta.url)
  const { ports } = (await start<RelayReady>(relay, JSON.stringify(settings))).ready
  const asked = ROUND_TRIPS_MS.flatMap(roundTripMs => {
    const url = Object.assign(new URL(neon.url), { port: String(ports[roundTripMs]) }).href
    return [openOwn(url, roundTripMs), openStock(url, roundTripMs)]
  })
  const rounds: Round[] = []
  // Rounds take turns, so that what disturbs the machine disturbs all.
  for (let round = 0; round < ROUNDS; round += 1)
    for (const one of rotated(asked, round)) {
      signal.throwIfAborted()
      rounds.push(await measure(one, round))
    }
  await Promise.all(asked.map(({ end }) => end()))
  const summary = summarize(rounds)
  await mkdir(RESULTS, { recursive: true })
  await writeFile(new URL('sustained.json', RESULTS), `${JSON.stringify({ rounds, summary }, null, 1)}\n`)
  process.stdout.write(`${tableOf(summary)}\n\n${JSON.stringify(summary)}\n`)
  if (!summary.ok) process.exitCode = 1
}

function openOwn(url: string, roundTripMs: number): Asked {
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const limits = { ...POOL_DEFAULTS, max: CONNECTIONS, maxPipelined: DEPTH }
  const pool = new NeonPool({ ...limits, url: connection, applicationName: 'sustained' })
  return {
    contestant: 'fastify-neon',
    roundTripMs,
    query: (text, values) => pool.query(text, values),
    end: () => pool.end()
  }
}

function openStock(url: string, roundTripMs: number): Asked {
  neonConfig.webSocketConstructor = WebSocket
  neonConfig.wsProxy = (host, port) => `${host}:${port}/v2`
  neonConfig.useSecureWebSocket = false
  const pool = new Pool({ connectionString: url, max: CONNECTIONS })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', () => {})
  return {
    contestant: 'stock driver',
    roundTripMs,
    query: (text, values) => pool.query(text, values),
    end: () => pool.end()
  }
}

/** Each caller asks again as soon as it is answered. Those that were answered after the warm-up are counted. */
async function measure({ contestant, roundTripMs, query }: Asked, round: number): Promise<Round> {
  const startMs = performance.now() + WARM_UP_MS
  const endMs = startMs + MEASURE_MS
  let answers = 0
  await Promise.all(Array.from({ length: AT_ONCE }, readOn))
  return { contestant, roundTripMs, round, perSecond: (1000 * answers) / MEASURE_MS }

  async function readOn() {
    let nowMs = performance.now()
    while (nowMs < endMs) {
      await query('select $1::float8 as n', [nowMs])
      nowMs = performance.now()
      if (nowMs >= startMs && nowMs < endMs) answers += 1
    }
  }
}
