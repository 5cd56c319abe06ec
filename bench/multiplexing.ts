/**
 * `npm --prefix bench run multiplexing`: what it brings that reads share a busy connection, and what a slow one in
 * front of them costs, by the number that may share. The last line is JSON.
 */
import { mkdir, writeFile } from 'node:fs/promises'
// That of the project: this folder has one of its own, for the peers.
import { sql } from '../node_modules/drizzle-orm/index.js'
import { verifyConnectionUrl } from '../packages/fastify-neon/src/connection-string/connection-url.ts'
import { type ClaimedDatabase, createDatabase } from '../packages/fastify-neon/src/drizzle/database.ts'
import { NeonPool, POOL_DEFAULTS } from '../packages/fastify-neon/src/pool/pool.ts'
import type { RelayReady, RelaySettings } from './compare/relay.ts'
import type { LocalNeonReady } from './endpoint/local-neon.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'

const DEPTHS = [1, 2, 5, 10, 20]
const ROUND_TRIPS_MS = [2, 20]
/** Of a hundred reads so many take SLOW_MS on the server. */
const SLOW_IN_100 = [0, 1, 5]
const SLOW_SECONDS = 0.2
const AT_ONCE = 100
const MAX = 10
const ROUNDS = 5
const ROUND_MS = 500
const RESULTS = new URL('results/', import.meta.url)

interface Figures {
  roundTripMs: number
  slowIn100: number
  depth: number
  perSecond: number
  p50Ms: number
  p99Ms: number
}

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  const { ready: neon } = await start<LocalNeonReady>(new URL('endpoint/local-neon.ts', import.meta.url))
  const settings: RelaySettings = {
    port: Number(new URL(neon.url).port),
    roundTripsMs: ROUND_TRIPS_MS
  }
  const relay = new URL('compare/relay.ts', import.meta.url)
  const { ports } = (await start<RelayReady>(relay, JSON.stringify(settings))).ready
  const figures: Figures[] = []
  for (const roundTripMs of ROUND_TRIPS_MS) {
    const url = Object.assign(new URL(neon.url), { port: String(ports[roundTripMs]) }).href
    for (const slowIn100 of SLOW_IN_100)
      figures.push(...(await measure(url, { roundTripMs, slowIn100 }, signal)))
  }
  await mkdir(RESULTS, { recursive: true })
  await writeFile(new URL('sharing.json', RESULTS), `${JSON.stringify(figures, null, 1)}\n`)
  process.stdout.write(`${tableOf(figures)}\n\n${JSON.stringify(figures.map(Object.values))}\n`)
}

/** Rounds take turns, so that what disturbs the machine disturbs all. */
async function measure(
  url: string,
  load: Pick<Figures, 'roundTripMs' | 'slowIn100'>,
  signal: AbortSignal
): Promise<Figures[]> {
  const contestants = await Promise.all(DEPTHS.map(depth => open(url, depth)))
  for (let round = 0; round < ROUNDS; round += 1)
    for (const contestant of contestants) {
      signal.throwIfAborted()
      await runRound(contestant, load.slowIn100, round > 0)
    }
  await Promise.all(contestants.map(({ pool }) => pool.end()))
  return contestants.map(({ depth, timesMs, spentMs }) => {
    timesMs.sort((one, other) => one - other)
    const at = (part: number) => timesMs[Math.floor(part * timesMs.length)] ?? 0
    return { ...load, depth, perSecond: (1000 * timesMs.length) / spentMs, p50Ms: at(0.5), p99Ms: at(0.99) }
  })
}

interface Contestant {
  depth: number
  pool: NeonPool
  db: ClaimedDatabase
  /** Of the reads that are not slow. */
  timesMs: number[]
  spentMs: number
}

async function open(url: string, depth: number): Promise<Contestant> {
  const { connection } = verifyConnectionUrl(url)
  if (!connection) throw new Error('no valid URL')
  const limits = { ...POOL_DEFAULTS, max: MAX, maxPipelined: depth }
  const pool = new NeonPool({ ...limits, url: connection, applicationName: 'maxPipelined' })
  const checkedOut = await Promise.all(Array.from({ length: MAX }, () => pool.connect()))
  for (const client of checkedOut) client.release()
  // In a transaction that is READ ONLY any SELECT may share.
  return {
    depth,
    pool,
    db: createDatabase<Record<string, never>>(pool).$withClaims({}, { readOnly: true }),
    timesMs: [],
    spentMs: 0
  }
}

async function runRound(contestant: Contestant, slowIn100: number, isCounted: boolean) {
  const { db } = contestant
  const startMs = performance.now()
  const endMs = startMs + ROUND_MS
  let reads = 0
  await Promise.all(Array.from({ length: AT_ONCE }, readOn))
  if (isCounted) contestant.spentMs += performance.now() - startMs

  async function readOn() {
    while (performance.now() < endMs) {
      reads += 1
      if (reads % 100 < slowIn100) await db.execute(sql`select pg_sleep(${SLOW_SECONDS}::float8)`)
      else await readFast()
    }
  }

  async function readFast() {
    const sinceMs = performance.now()
    await db.execute(sql`select ${sinceMs}::float8`)
    if (isCounted) contestant.timesMs.push(performance.now() - sinceMs)
  }
}

function tableOf(figures: Figures[]): string {
  const lines = figures.map(({ roundTripMs, slowIn100, depth, perSecond, p50Ms, p99Ms }) =>
    [roundTripMs, slowIn100, depth, perSecond.toFixed(0), p50Ms.toFixed(1), p99Ms.toFixed(1)]
      .map(column)
      .join('')
  )
  return [
    ['trip ms', 'slow %', 'maxPipelined', '/s', 'p50 ms', 'p99 ms'].map(column).join(''),
    ...lines
  ].join('\n')
}

function column(text: string | number): string {
  return String(text).padStart(9)
}
