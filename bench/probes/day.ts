/**
 * Owns one row of the run: the contestants, each on a Neon of its own, through the same part of a
 * day at one rhythm.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MeterReading } from '../../packages/local-neon/src/local-neon.ts'
import { type ContestantProcess, startProcess } from '../process/process.ts'
import { isAnswered, probe } from './kubelet.ts'
import type { NeonReady } from './neon.ts'
import type { ReplicasReady, ReplicasSettings } from './replicas.ts'
import { CONTESTANTS, type Contestant, type Result, type Row } from './report.ts'

export interface DayOptions {
  everySeconds: number
  hours: number
  factor: number
  replicas: number
  signal: AbortSignal
}

interface Running {
  contestant: Contestant
  controlUrl: string
  ports: readonly number[]
}

const FILES: Record<Contestant, string> = {
  'fastify-neon': 'fastify-neon.ts',
  '@fastify/under-pressure': 'under-pressure.ts',
  '@nestjs/terminus': 'nest-terminus.ts',
  '@godaddy/terminus': 'godaddy-terminus.ts'
}
const PATHS = ['/livez', '/readyz']
const HOUR_SECONDS = 3600
/** Of this machine, with the first wake in it. */
const BOOT_DEADLINE_MS = 30_000
const BOOT_POLL_MS = 25
/** Share of the day by which it may take longer, before its figures are no longer those of a day. */
const MOST_LATE = 0.05

/** Every process that it starts is gone when it settles. */
export async function runDay(options: DayOptions): Promise<Row> {
  const { everySeconds, hours, factor, replicas } = options
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const processes: ContestantProcess<object>[] = []
  try {
    const started = await all(CONTESTANTS.map(start))
    return { everySeconds, hours, factor, results: await all(started.map(run)) }
  } catch (error) {
    // The reason says more than that something was aborted.
    throw signal.aborted ? signal.reason : error
  } finally {
    // The last first, since a Neon is to outlive those who use it.
    for (const one of processes.reverse()) await one.end()
  }

  async function start(contestant: Contestant): Promise<Running> {
    const neon = await launch<NeonReady>('neon.ts', String(factor))
    const { url, controlUrl } = neon
    const settings: ReplicasSettings = { file: FILES[contestant], replicas, url, factor, everySeconds }
    const { ports } = await launch<ReplicasReady>('replicas.ts', JSON.stringify(settings))
    return { contestant, controlUrl, ports }
  }

  async function launch<Ready extends object>(file: string, parameter: string): Promise<Ready> {
    signal.throwIfAborted()
    const started = await startProcess<Ready>(new URL(file, import.meta.url), parameter)
    processes.push(started)
    signal.throwIfAborted()
    return started.ready
  }

  async function run({ contestant, controlUrl, ports }: Running): Promise<Result> {
    await boot(ports)
    const before = await readMeter(controlUrl)
    const dayMs = (hours * HOUR_SECONDS * 1000) / factor
    const begunMs = performance.now()
    const [probed] = await all([
      probe({
        targets: ports.flatMap(port => PATHS.map(path => ({ port, path }))),
        periodMs: (everySeconds * 1000) / factor,
        count: Math.round((hours * HOUR_SECONDS) / everySeconds),
        signal
      }),
      sleep(dayMs, undefined, { signal })
    ])
    const late = (performance.now() - begunMs) / dayMs - 1
    if (late > MOST_LATE)
      throw new Error(`this machine is too slow or too busy for --factor ${factor}: ask for less`)
    const after = await readMeter(controlUrl)
    return { contestant, ...probed, ...difference(before, after) }
  }

  /** Until every replica has answered that it is ready. */
  async function boot(ports: readonly number[]): Promise<void> {
    const deadline = AbortSignal.timeout(BOOT_DEADLINE_MS)
    for (const port of ports) {
      while (!(await isAnswered({ port, path: '/readyz' }))) {
        if (deadline.aborted) throw new Error(`a replica was not ready in ${BOOT_DEADLINE_MS} ms`)
        await sleep(BOOT_POLL_MS, undefined, { signal })
      }
    }
  }

  /** Like Promise.all, but the first that fails ends the others, and none is under way when it rejects. */
  async function all<T extends readonly Promise<unknown>[]>(
    promises: readonly [...T]
  ): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
    for (const promise of promises) promise.catch(error => failure.abort(error))
    await Promise.allSettled(promises)
    return await Promise.all(promises)
  }

  function difference(before: MeterReading, after: MeterReading) {
    return {
      queries: after.queries - before.queries,
      sessions: after.sessions - before.sessions,
      // The reading comes a moment after the end of the day.
      awakeSeconds: Math.round(Math.min(hours * HOUR_SECONDS, after.awakeSeconds - before.awakeSeconds))
    }
  }
}

async function readMeter(controlUrl: string): Promise<MeterReading> {
  const response = await fetch(controlUrl)
  const { meter }: { meter: MeterReading } = JSON.parse(await response.text())
  return meter
}
