/**
 * `npm --prefix bench run tracing`: what tracing costs a statement: with nobody who subscribes, with a subscriber, and
 * with spans. The last line is JSON.
 */
import type { TracingChannel } from 'node:diagnostics_channel'
import { metrics } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { sql } from '../node_modules/drizzle-orm/index.js'
import { verifiedUrl } from '../packages/fastify-neon/src/connection-string/connection-url.ts'
import { type ClaimedDatabase, createDatabase } from '../packages/fastify-neon/src/drizzle/database.ts'
import { traceSpans } from '../packages/fastify-neon/src/plugins/otel/spans.ts'
import { NeonPool, POOL_DEFAULTS } from '../packages/fastify-neon/src/pool/pool.ts'
import * as channels from '../packages/fastify-neon/src/tracing/channels.ts'
import type { LocalNeonReady } from './endpoint/local-neon.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'

const AT_ONCE = [1, 100]
const ROUNDS = 11
const ROUND_MS = 400
const CHECKS = 10_000_000
const { traced: _traced, ...CHANNELS } = channels

/** Each begins to listen, and returns what ends it. */
const LISTENERS: Record<string, () => () => void> = {
  'nobody subscribes': () => () => {},
  'a subscriber to each channel': subscribe,
  'spans of fastify-neon/otel, which the SDK ends and drops': () =>
    traceSpans({
      tracer: new BasicTracerProvider().getTracer('bench'),
      duration: metrics.getMeter('bench').createHistogram('bench'),
      targetOf: () => ({ 'server.address': 'localhost' }),
      statementText: false
    })
}

interface Round {
  perSecond: number
  cpuUs: number
}

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  const { ready: neon } = await start<LocalNeonReady>(new URL('endpoint/local-neon.ts', import.meta.url))
  const pool = new NeonPool({
    ...POOL_DEFAULTS,
    url: verifiedUrl(neon.url, 'url'),
    applicationName: 'tracing'
  })
  const db = createDatabase(pool)
  // Before anybody has subscribed: afterwards Node.js looks at the channels more slowly.
  const checkNs = round1(measureCheck())
  const figures = []
  for (const atOnce of AT_ONCE) {
    const rounds = new Map(Object.keys(LISTENERS).map(name => [name, [] as Round[]]))
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const [name, listen] of Object.entries(LISTENERS)) {
        signal.throwIfAborted()
        const stop = listen()
        const measured = await runRound(db, atOnce)
        stop()
        // The first warms up.
        if (round > 0) rounds.get(name)?.push(measured)
      }
    const base = rounds.get('nobody subscribes') ?? []
    for (const [listener, all] of rounds)
      figures.push({
        atOnce,
        listener,
        perSecond: Math.round(median(all.map(({ perSecond }) => perSecond))),
        cpuUs: round1(median(all.map(({ cpuUs }) => cpuUs))),
        // Of each round with the round beside it, so that what disturbs the machine disturbs both.
        ratio: round2(median(all.map(({ perSecond }, index) => perSecond / (base[index]?.perSecond ?? 1))))
      })
  }
  await pool.end()
  for (const { atOnce, listener, perSecond, cpuUs, ratio } of figures)
    process.stdout.write(
      `${String(atOnce).padStart(3)} at once ${String(perSecond).padStart(7)} /s ${cpuUs.toFixed(1).padStart(6)} us cpu  ${ratio.toFixed(2)}  ${listener}\n`
    )
  process.stdout.write(
    `a check without a subscriber takes ${checkNs} ns\n\n${JSON.stringify({ figures, checkNs })}\n`
  )
}

async function runRound(db: ClaimedDatabase, atOnce: number): Promise<Round> {
  const startMs = performance.now()
  const endMs = startMs + ROUND_MS
  const cpu = process.cpuUsage()
  let reads = 0
  await Promise.all(Array.from({ length: atOnce }, readOn))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (1000 * reads) / (performance.now() - startMs), cpuUs: (user + system) / reads }

  async function readOn() {
    while (performance.now() < endMs) {
      await db.execute(sql`select ${reads}::int`)
      reads += 1
    }
  }
}

function subscribe(): () => void {
  const stops = Object.values(CHANNELS).map(channel => {
    const subscribers = { start: ignore, end: ignore, asyncStart: ignore, asyncEnd: ignore, error: ignore }
    const all: Pick<TracingChannel<unknown, object>, 'subscribe' | 'unsubscribe'> = channel
    all.subscribe(subscribers)
    return () => all.unsubscribe(subscribers)
  })
  return () => {
    for (const stop of stops) stop()
  }
}

function measureCheck(): number {
  let subscribed = 0
  const cpu = process.cpuUsage()
  for (let check = 0; check < CHECKS; check += 1) if (channels.STATEMENT.hasSubscribers) subscribed += 1
  return (process.cpuUsage(cpu).user * 1000) / (CHECKS - subscribed)
}

function median(values: number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN
}

function round1(value: number): number {
  return Math.round(value * 10) / 10
}

function round2(value: number): number {
  return Math.round(value * 100) / 100
}

function ignore() {}
