/**
 * Owns the load: so much work at once, each followed by the next, for a while; or a burst of it, once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../endpoint/figures.ts'
import { latePlaces } from './samples.ts'

export type Call = (turn: number) => Promise<unknown>

export interface LoadOptions {
  atOnce: number
  /** Behind the first answer to each, in which connections are opened. */
  warmUpMs: number
  measureMs: number
}

export interface LoadFigures {
  p50Ms: number
  p99Ms: number
  perSecond: number
  /** Processor time of this process for each. */
  cpuUs: number
}

/** Enough for every connection of a pool. */
const WARM_UP_CALLS = 100
const SETTLING_TURNS = 5
const SETTLING_TURN_MS = 50

/** Rejects when one fails, since figures of failures would be no comparison. */
export async function runLoad(call: Call, options: LoadOptions): Promise<LoadFigures> {
  const { atOnce, warmUpMs, measureMs } = options
  let latenciesMs: number[] = []
  let turn = 0
  let isOver = false
  await Promise.all(Array.from({ length: atOnce }, () => call(turn++)))
  const loops = Promise.all(Array.from({ length: atOnce }, repeat))
  try {
    await unlessFailed(sleep(warmUpMs))
    latenciesMs = []
    const startMs = performance.now()
    const cpu = process.cpuUsage()
    await unlessFailed(sleep(measureMs))
    const seconds = (performance.now() - startMs) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const measured = latenciesMs.toSorted((left, right) => left - right)
    return {
      p50Ms: quantile(measured, 0.5),
      p99Ms: quantile(measured, 0.99),
      perSecond: measured.length / seconds,
      cpuUs: (user + system) / measured.length
    }
  } finally {
    isOver = true
    await loops.catch(() => {})
  }

  async function repeat() {
    while (!isOver) {
      const startMs = performance.now()
      await call(turn++)
      latenciesMs.push(performance.now() - startMs)
    }
  }

  function unlessFailed(wait: Promise<unknown>) {
    return Promise.race([wait, loops])
  }
}

/** Time to the last answer of so many at once, each time. The first burst opens the connections and does not count. */
export async function runBursts(call: Call, { atOnce, times }: { atOnce: number; times: number }) {
  const tookMs: number[] = []
  for (let burst = 0; burst <= times; burst += 1) {
    const startMs = performance.now()
    await Promise.all(Array.from({ length: atOnce }, (_, index) => call(burst * atOnce + index)))
    tookMs.push(performance.now() - startMs)
  }
  return tookMs.slice(1)
}

export interface QueueFigures {
  failures: number
  /** To the first and to the last answer, in ms. */
  firstMs: number
  lastMs: number
  /** By how many places somebody was answered later than in order of arrival, at most. */
  latePlaces: number
}

/** So many at once, to whoever is there: who fails, how long the last one waits, and in which order they are served. */
export async function runQueue(call: Call, atOnce: number): Promise<QueueFigures> {
  const startMs = performance.now()
  const answeredMs: number[] = []
  const order: number[] = []
  let failures = 0
  const ask = async (index: number) => {
    try {
      await call(index)
      answeredMs.push(performance.now() - startMs)
    } catch {
      failures += 1
    }
    order.push(index)
  }
  await Promise.all(Array.from({ length: atOnce }, (_, index) => ask(index)))
  return {
    failures,
    firstMs: Math.min(...answeredMs),
    lastMs: Math.max(...answeredMs),
    latePlaces: latePlaces(order)
  }
}

/** Bytes that each of so many hold while they wait for an answer. */
export async function measureMemory(call: Call, atOnce: number, collect: () => void): Promise<number> {
  // What is made once and kept, such as connections, is not theirs.
  await Promise.all(Array.from({ length: WARM_UP_CALLS }, (_, index) => call(index)))
  collect()
  const before = usedBytes()
  const waiting = Array.from({ length: atOnce }, (_, index) => call(index))
  await sleep(1)
  collect()
  const bytes = (usedBytes() - before) / atOnce
  await Promise.all(waiting)
  return bytes
}

/** Bytes of what is open and idle after so many at once, by what is gone when it is closed. */
export async function measureIdle(
  { call, close }: { call: Call; close: () => Promise<void> },
  atOnce: number,
  collect: () => void
): Promise<number> {
  await Promise.all(Array.from({ length: atOnce }, (_, index) => call(index)))
  const open = await settledBytes()
  await close()
  return open - (await settledBytes())

  /** What was closed is put away in some turns of the loop. */
  async function settledBytes() {
    for (let turn = 0; turn < SETTLING_TURNS; turn += 1) {
      await sleep(SETTLING_TURN_MS)
      collect()
    }
    return usedBytes()
  }
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
