/**
 * `npm --prefix bench run start`: the time from the call of startLocalNeon to the first answer,
 * in a new folder and in one that is initialised, and what a suspend and a wake take by
 * themselves. The last line is one JSON object, in milliseconds.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
import { startLocalNeon } from '../packages/local-neon/src/local-neon.ts'
import { choosePlace, SYSTEM_DIRECTORY } from '../packages/local-neon/src/postgres/place.ts'
import { median, round } from './endpoint/figures.ts'

const STARTS = 10
const TARGET_MS = 2000

const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-'))
const place = { directory, systemDirectory: SYSTEM_DIRECTORY, log: () => {} }
const { home } = await choosePlace(place)

try {
  const newFolderMs = await msFor(startAndAsk)
  const startMs = await repeated(startAndAsk)
  const { suspendMs, wakeMs } = await sleepAndWake()
  const longestMs = round(Math.max(...startMs), 0)
  const figures = { newFolderMs: round(newFolderMs, 0), startMs: round(median(startMs), 0), longestMs }
  const asleep = { suspendMs: round(median(suspendMs), 0), wakeMs: round(median(wakeMs), 0) }
  const result = { ...figures, ...asleep, targetMs: TARGET_MS, ok: longestMs < TARGET_MS }
  process.stdout.write(`${JSON.stringify(result)}\n`)
} finally {
  await Promise.all([directory, home].map(folder => rm(folder, { recursive: true, force: true })))
}

async function startAndAsk() {
  const neon = await startLocalNeon(place)
  await ask(neon.url)
  return () => neon.close()
}

async function sleepAndWake() {
  const neon = await startLocalNeon({ ...place, wakeDelayMs: 0, wakeJitterMs: 0 })
  const suspendMs: number[] = []
  const wakeMs: number[] = []
  for (let cycle = 0; cycle < STARTS; cycle += 1) {
    suspendMs.push(await msFor(neon.suspend))
    wakeMs.push(await msFor(() => ask(neon.url)))
  }
  await neon.close()
  return { suspendMs, wakeMs }
}

async function ask(url: string): Promise<void> {
  const client = new Client(url)
  Object.assign(client.neonConfig, {
    webSocketConstructor: WebSocket,
    useSecureWebSocket: false,
    wsProxy: (host: string, port: number) => `${host}:${port}/v2`
  })
  await client.connect()
  await client.query('SELECT 1')
  await client.end()
}

async function repeated(work: () => Promise<() => Promise<void>>): Promise<number[]> {
  const times: number[] = []
  for (let run = 0; run < STARTS; run += 1) times.push(await msFor(work))
  return times
}

/** The work may answer with what has to be done after it and does not count. */
async function msFor(work: () => Promise<(() => Promise<void>) | void>): Promise<number> {
  const begunMs = performance.now()
  const undo = await work()
  const tookMs = performance.now() - begunMs
  await undo?.()
  return tookMs
}
