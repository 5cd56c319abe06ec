/**
 * `npm --prefix bench run searches`: what another user feels of one with 100,000 tasks who sends 300 searches at once,
 * again and again. The last line is JSON, with `ok` when the bystander's p99 is below the target.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openIssuer } from '../dev/token-issuer.ts'
import { openSession } from '../packages/fastify-neon/src/client/single-session.ts'
import { verifiedUrl } from '../packages/fastify-neon/src/connection-string/connection-url.ts'
import type { AppOptions } from './compare/http/app.ts'
import type { HttpReady } from './compare/http-contestant.ts'
import type { NeonReady } from './compare/neon.ts'
import { round } from './endpoint/figures.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'
import { flood, quantile, SEARCHES_AT_ONCE, seedOf } from './searches/flood.ts'

const TASKS = 100_000
const SECONDS = 20
const TARGET_MS = 1000

await runBenchmark(run)

async function run({ start }: Benchmark) {
  const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-issuer-'))
  try {
    const issuer = await openIssuer(directory)
    const { ready: neon } = await start<NeonReady>(new URL('compare/neon.ts', import.meta.url))
    await fill(neon.url)
    const options: AppOptions = { url: neon.url, issuer: issuer.settings }
    const contestant = new URL('compare/http-contestant.ts', import.meta.url)
    const { ready: app } = await start<HttpReady>(contestant, 'fastify-neon.ts', JSON.stringify(options))
    const load = { baseUrl: `http://127.0.0.1:${app.port}`, bystander: await issuer.sign('bob', '1h') }

    const alone = await flood({ ...load, seconds: SECONDS / 4 })
    const beside = await flood({ ...load, seconds: SECONDS, searcher: await issuer.sign('alice', '1h') })

    const figures = {
      alone: timesOf(alone.timesMs),
      beside: timesOf(beside.timesMs),
      searches: beside.searches
    }
    for (const [title, times] of Object.entries({
      'bystander alone': figures.alone,
      [`beside ${SEARCHES_AT_ONCE} searches at once`]: figures.beside
    }))
      process.stdout.write(
        `${title.padEnd(32)}${Object.entries(times)
          .map(([name, value]) => `${name} ${value}`.padStart(16))
          .join('')}\n`
      )
    process.stdout.write(`searches by status              ${JSON.stringify(figures.searches)}\n`)
    process.stdout.write(
      `${JSON.stringify({ ...figures, targetMs: TARGET_MS, ok: figures.beside.p99Ms < TARGET_MS })}\n`
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function fill(url: string) {
  const session = await openSession({
    url: verifiedUrl(url, 'url'),
    applicationName: 'fastify-neon-bench',
    answerTimeoutMs: 120_000
  })
  await session.query(seedOf('alice', TASKS))
  await session.query(seedOf('bob', 20))
  await session.query('analyze tasks')
  await session.close()
}

function timesOf(timesMs: number[]) {
  const at = (part: number) => round(quantile(timesMs, part), 1)
  return { count: timesMs.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
