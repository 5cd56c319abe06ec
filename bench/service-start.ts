/**
 * `npm --prefix bench run service-start`: from `node dist/server.js` to its first answers, and what each import takes of
 * it. Wants `npm run build:service`. The last line is JSON.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Issuer, openIssuer } from '../dev/token-issuer.ts'
import type { NeonReady } from './compare/neon.ts'
import { userOf } from './compare/works.ts'
import { median, round } from './endpoint/figures.ts'
import { type Benchmark, runBenchmark } from './process/benchmark.ts'

const ROUNDS = 10
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SERVER = 'dist/server.js'
const LISTENING = /Server listening at (http:[^"]+)/
/** In the order in which the service imports them: what two need counts for the first. */
const IMPORTS = [
  'fastify',
  '@neondatabase/serverless',
  'drizzle-orm/neon-serverless',
  'fastify-neon/db',
  'fastify-neon/health',
  'fastify-neon/isolation',
  'fastify-neon/metrics',
  'jose',
  '@fastify/cors',
  '@fastify/rate-limit',
  'drizzle-typebox',
  './dist/app.js'
]

await runBenchmark(run)

async function run({ start, signal }: Benchmark) {
  if (!existsSync(join(ROOT, SERVER))) throw new Error('the service is not built: npm run build:service')
  const { ready: neon } = await start<NeonReady>(new URL('compare/neon.ts', import.meta.url))
  const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-issuer-'))
  const rounds: Record<string, number>[] = []
  try {
    const issuer = await openIssuer(directory)
    for (let turn = 0; turn < ROUNDS; turn += 1) {
      signal.throwIfAborted()
      rounds.push({ ...(await startOnce(neon.url, issuer)), ...(await importOnce()) })
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  const names = Object.keys(rounds[0] ?? {})
  const rows = names.map(name => ({ name, ms: round(median(rounds.map(one => one[name] ?? 0)), 0) }))
  for (const { name, ms } of rows) process.stdout.write(`${name.padEnd(36)} ${String(ms).padStart(5)} ms\n`)
  process.stdout.write(`\n${JSON.stringify(Object.fromEntries(rows.map(({ name, ms }) => [name, ms])))}\n`)
}

/** Each in ms since the process was started. */
async function startOnce(databaseUrl: string, issuer: Issuer): Promise<Record<string, number>> {
  const token = await issuer.sign(userOf(0), '1h')
  const startedMs = performance.now()
  const since = () => performance.now() - startedMs
  const child = spawn(process.execPath, [SERVER], {
    cwd: ROOT,
    // biome-ignore lint/style/noProcessEnv: what a process needs at all
    env: { ...process.env, ...issuer.settings, DATABASE_URL: databaseUrl, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  try {
    const url = await listening(child)
    const listens = since()
    await answers(`${url}/livez`)
    const isLive = since()
    await answers(`${url}/readyz`)
    const isReady = since()
    await answers(`${url}/tasks`, { authorization: `Bearer ${token}` })
    return { listening: listens, 'GET /livez': isLive, 'GET /readyz': isReady, 'GET /tasks': since() }
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
}

async function listening({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('its output is not read')
  for await (const line of createInterface(stdout)) {
    const url = LISTENING.exec(line)?.[1]
    if (url === undefined) continue
    stdout.resume()
    return url
  }
  throw new Error('the service has ended before it listened')
}

/** Not ready is an answer that is asked for again at once. */
async function answers(url: string, headers: Record<string, string> = {}) {
  for (;;) {
    const response = await fetch(url, { headers })
    await response.arrayBuffer()
    if (response.ok) return
    if (response.status !== 503) throw new Error(`${url} was answered with ${response.status}`)
  }
}

/** One after the other in one process, each in ms. */
async function importOnce(): Promise<Record<string, number>> {
  const script = `const times = {}
    for (const name of ${JSON.stringify(IMPORTS)}) {
      const startedMs = performance.now()
      await import(name.startsWith('.') ? new URL(name, 'file://${ROOT}').href : name)
      times['import ' + name] = performance.now() - startedMs
    }
    console.log(JSON.stringify(times))
    process.exit()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT
  })
  return JSON.parse(stdout)
}
