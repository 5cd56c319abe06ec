/**
 * `npm --prefix bench run edge [-- --seconds 30]`: what becomes of the service, of its probes and of a neighbour when more
 * connections send without a pause than it can serve. The last line is JSON; the exit code is 1 when it does not hold.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openIssuer } from '../dev/token-issuer.ts'
import { applyMigrations } from '../packages/fastify-neon/src/migrations/migrations.ts'
import type { LoadOrder, LoadResult } from './edge/load.ts'
import { CONNECTIONS, CONTESTANTS, type Row, rowOf, summarize, tableOf } from './edge/report.ts'
import type { ServerReady } from './edge/server.ts'
import { watch } from './edge/watch.ts'
import type { LocalNeonReady } from './endpoint/local-neon.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'

// Who floods has several accounts.
const FLOODERS = 20
// Those who floods leave behind are gone by then.
const PAUSE_MS = 1000
const RESULTS = new URL('results/', import.meta.url)
const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    connections: { type: 'string', default: CONNECTIONS.join() },
    services: { type: 'string', default: CONTESTANTS.join() }
  }
})

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  const seconds = Number(values.seconds)
  const { ready: neon } = await start<LocalNeonReady>(new URL('endpoint/local-neon.ts', import.meta.url))
  await applyMigrations({ url: neon.url, folder: MIGRATIONS })
  const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-edge-'))
  const issuer = await openIssuer(directory)
  const authorizationOf = async (user: string) => `Bearer ${await issuer.sign(user, '8h')}`
  const authorizations = await Promise.all(
    Array.from({ length: FLOODERS }, (_, index) => authorizationOf(`flooder-${index}`))
  )
  const authorization = await authorizationOf('neighbour')
  const settings = JSON.stringify({
    ...issuer.settings,
    DATABASE_URL: neon.url,
    RATE_LIMIT_PER_MINUTE: '0',
    PORT: '0',
    HEALTH_PORT: '0'
  })
  const rows: Row[] = []
  for (const contestant of CONTESTANTS.filter(name => values.services.split(',').includes(name)))
    for (const connections of values.connections.split(',').map(Number)) {
      signal.throwIfAborted()
      const server = await start<ServerReady>(
        new URL('edge/server.ts', import.meta.url),
        contestant,
        settings
      )
      const load = await start(new URL('edge/load.ts', import.meta.url))
      const bootCpuSeconds = (await server.cpuUs()) / 1e6
      const order: LoadOrder = { port: server.ready.port, connections, seconds, authorizations }
      let loading: Promise<LoadResult> | undefined
      const watched = await watch({ ...server.ready, authorization }, seconds, () => {
        loading = load.ask<LoadResult>(order)
      })
      const result = await loading
      if (result === undefined) throw new Error('there was no load')
      const logBytes = await server.ask<number>({})
      const cpuSeconds = (await server.cpuUs()) / 1e6 - bootCpuSeconds
      rows.push(rowOf({ contestant, connections, load: result, watched, logBytes, cpuSeconds }))
      process.stderr.write(`${JSON.stringify(rows.at(-1))} ${JSON.stringify(result)}\n`)
      await load.end()
      await server.end()
      await sleep(PAUSE_MS)
    }
  await rm(directory, { recursive: true })
  const summary = summarize(rows)
  await mkdir(RESULTS, { recursive: true })
  await writeFile(new URL('edge.json', RESULTS), `${JSON.stringify(summary, null, 1)}\n`)
  process.stdout.write(`${tableOf(summary)}\n\n${JSON.stringify(summary)}\n`)
  if (!summary.ok) process.exitCode = 1
}
