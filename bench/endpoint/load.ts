/**
 * Owns one measurement: a number of sessions, each with one query on its way at any time, for a
 * while.
 */
import { setTimeout } from 'node:timers/promises'
import { quantile } from './figures.ts'
import { type Login, QUERIES } from './messages.ts'
import { openSession, type Session } from './session.ts'
import type { Transport } from './transport.ts'

export interface LoadOptions {
  open: () => Promise<Transport>
  login: Login
  sessions: number
  /** Time before the measurement, in which code gets hot and the sessions find their pace. */
  warmUpMs: number
  measureMs: number
  /** Called at the beginning and at the end of the measurement. */
  onEdge: () => Promise<void>
  signal: AbortSignal
}

export interface Measured {
  qps: number
  p50Ms: number
  p99Ms: number
  queries: number
}

export async function runLoad(options: LoadOptions): Promise<Measured> {
  const { sessions: count, warmUpMs, measureMs, onEdge, signal } = options
  const failure = new AbortController()
  const stop = AbortSignal.any([signal, failure.signal])
  const opened: Session[] = []
  try {
    // One after the other: Postgres starts a process for each.
    while (opened.length < count) {
      opened.push(await unlessAborted(openOne(), stop))
    }
    const meter = createMeter()
    const idle = opened.map((session, index) => askOn(session, index, meter))
    await setTimeout(warmUpMs, undefined, { signal: stop })
    await onEdge()
    meter.start()
    await setTimeout(measureMs, undefined, { signal: stop })
    const measured = meter.stop()
    await onEdge()
    await unlessAborted(Promise.all(idle), stop)
    await unlessAborted(Promise.all(opened.map(session => session.end())), stop)
    return measured
  } catch (error) {
    // The reason says more than that something was aborted.
    throw stop.aborted ? stop.reason : error
  } finally {
    for (const session of opened) session.destroy()
  }

  async function openOne() {
    const transport = await options.open()
    return await openSession({ transport, login: options.login, onFailure: error => failure.abort(error) })
  }
}

/** Settles as the promise does, or rejects as soon as the signal aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, stop } = abortion(signal)
  return await Promise.race([promise, aborted]).finally(stop)
}

function abortion(signal: AbortSignal): { promise: Promise<never>; stop: () => void } {
  let onAbort = () => {}
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
  })
  return { promise, stop: () => signal.removeEventListener('abort', onAbort) }
}

interface Meter {
  isOver(): boolean
  /** Takes a query that has taken so long. */
  add(ms: number): void
  start(): void
  stop(): Measured
}

function createMeter(): Meter {
  let state: 'warming' | 'measuring' | 'over' = 'warming'
  let startMs = 0
  const latenciesMs: number[] = []

  return {
    isOver: () => state === 'over',
    add: ms => {
      if (state === 'measuring') latenciesMs.push(ms)
    },
    start() {
      state = 'measuring'
      startMs = performance.now()
    },
    stop() {
      state = 'over'
      const seconds = (performance.now() - startMs) / 1000
      latenciesMs.sort((left, right) => left - right)
      return {
        qps: latenciesMs.length / seconds,
        p50Ms: quantile(latenciesMs, 0.5),
        p99Ms: quantile(latenciesMs, 0.99),
        queries: latenciesMs.length
      }
    }
  }
}

/** Asks one query after the other until the measurement is over. */
function askOn(session: Session, index: number, meter: Meter): Promise<void> {
  return new Promise(resolve => {
    let turn = index
    ask()

    function ask() {
      const startMs = performance.now()
      const query = QUERIES[turn++ % QUERIES.length]
      if (!query) throw new RangeError('there is no query')
      session.ask(query, () => {
        meter.add(performance.now() - startMs)
        if (meter.isOver()) resolve()
        else ask()
      })
    }
  })
}
