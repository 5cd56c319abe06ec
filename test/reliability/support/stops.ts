/**
 * Stops the service under load, again and again, and counts what became of the requests that had been sent before
 * the signal.
 */
import { once, setMaxListeners } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { Issuer } from '../../../dev/token-issuer.ts'
import { NO_LIMIT, until } from '../../support/app.ts'
import { runProgram } from '../../support/processes.ts'

export const CLIENTS = 24
// Of the whole load, before the signal.
const WARM_UP_REQUESTS = 200
const DRAIN_DELAY_MS = 300

/** How clients connect, and how the service stops. */
export interface StopCase {
  keepAlive: boolean
  drainDelayMs: number
}

export const STOP_CASES: readonly StopCase[] = [
  { keepAlive: true, drainDelayMs: DRAIN_DELAY_MS },
  { keepAlive: true, drainDelayMs: 0 },
  { keepAlive: false, drainDelayMs: DRAIN_DELAY_MS },
  { keepAlive: false, drainDelayMs: 0 }
]

export interface Stop extends StopCase {
  /** Requests on their way at the signal. */
  underWay: number
  /** Those of them that were answered with the work done, and with 503. */
  served: number
  refused: number
  /** Those of them that got no answer. */
  reset: number
  /** Requests sent after the signal: answered, and not. */
  answeredAfter: number
  resetAfter: number
  /** From the signal to the exit, in ms. */
  tookMs: number
  exitCode: number | string | null
}

export interface StopsOptions {
  t: Pick<Test, 'teardown'>
  databaseUrl: string
  issuer: Issuer
}

interface Sent {
  /** When all of it was handed to the kernel. */
  sentAt: number | undefined
  answeredAt: number | undefined
  /** Undefined without an answer. */
  status: number | undefined
}

export async function stopOnce({ t, databaseUrl, issuer }: StopsOptions, stopCase: StopCase): Promise<Stop> {
  const { child, ended, said } = runProgram(t, 'src/server.ts', {
    env: {
      ...issuer.settings,
      ...NO_LIMIT,
      PORT: '0',
      DATABASE_URL: databaseUrl,
      DRAIN_DELAY_MS: `${stopCase.drainDelayMs}`
    }
  })
  const url = await said(/Server listening at (http:[^"]+)/)
  await until(async () => (await fetch(`${url}/readyz`)).status === 200)
  const authorization = `Bearer ${await issuer.sign('alice', '1h')}`
  const sent: Sent[] = []
  const isOver = new AbortController()
  setMaxListeners(0, isOver.signal)
  const clients = Array.from({ length: CLIENTS }, (_, index) => load(index))
  await until(() => sent.length >= WARM_UP_REQUESTS)

  const signalAt = performance.now()
  child.kill('SIGTERM')
  const exitCode = await ended
  const tookMs = Math.round(performance.now() - signalAt)
  isOver.abort()
  await Promise.all(clients)

  const isBefore = ({ sentAt = Number.POSITIVE_INFINITY }: Sent) => sentAt < signalAt
  const underWay = sent.filter(
    one => isBefore(one) && (one.answeredAt ?? Number.POSITIVE_INFINITY) > signalAt
  )
  const after = sent.filter(one => one.sentAt !== undefined && !isBefore(one))
  return {
    ...stopCase,
    underWay: underWay.length,
    served: underWay.filter(({ status = 0 }) => status < 300 && status > 0).length,
    refused: underWay.filter(({ status }) => status === 503).length,
    reset: underWay.filter(({ status }) => status === undefined).length,
    answeredAfter: after.filter(({ status }) => status !== undefined).length,
    resetAfter: after.filter(({ status }) => status === undefined).length,
    tookMs,
    exitCode
  }

  /** Writes and reads in turn, each as soon as the one before is answered, until nobody listens any more. */
  async function load(index: number) {
    const agent = new Agent({ keepAlive: stopCase.keepAlive, maxSockets: 1 })
    for (let turn = index; !isOver.signal.aborted; turn += 1) {
      const one: Sent = { sentAt: undefined, answeredAt: undefined, status: undefined }
      sent.push(one)
      const error = await send(agent, turn, one).catch((reason: NodeJS.ErrnoException) => reason)
      one.answeredAt = performance.now()
      if (error?.code === 'ECONNREFUSED') break
    }
    agent.destroy()
  }

  async function send(agent: Agent, turn: number, one: Sent) {
    const isWrite = turn % 2 === 0
    const outgoing = request(`${url}/tasks${isWrite ? '' : '?limit=1'}`, {
      agent,
      signal: isOver.signal,
      method: isWrite ? 'POST' : 'GET',
      headers: { authorization, ...(isWrite && { 'content-type': 'application/json' }) }
    })
    outgoing.once('finish', () => {
      one.sentAt = performance.now()
    })
    const answered = once(outgoing, 'response')
    outgoing.end(isWrite ? JSON.stringify({ title: 'sent in a stop' }) : undefined)
    const [answer] = await answered
    await text(answer)
    one.status = answer.statusCode
    return undefined
  }
}

/** A line for each stopCase. */
export function tableOf(stops: readonly Stop[]): string {
  const head =
    '| clients | drain delay | stops | under way | served | refused with 503 | reset | sent later: answered | sent later: reset | SIGTERM to exit, median |'
  const rows = STOP_CASES.map(stopCase => {
    const of = stops.filter(
      ({ keepAlive, drainDelayMs }) =>
        keepAlive === stopCase.keepAlive && drainDelayMs === stopCase.drainDelayMs
    )
    const sum = (count: (stop: Stop) => number) => of.reduce((total, stop) => total + count(stop), 0)
    const times = of.map(({ tookMs }) => tookMs).sort((one, other) => one - other)
    return [
      stopCase.keepAlive ? 'keep-alive' : 'a connection for each request',
      stopCase.drainDelayMs === 0 ? 'none' : `${stopCase.drainDelayMs} ms`,
      of.length,
      sum(({ underWay }) => underWay),
      sum(({ served }) => served),
      sum(({ refused }) => refused),
      sum(({ reset }) => reset),
      sum(({ answeredAfter }) => answeredAfter),
      sum(({ resetAfter }) => resetAfter),
      `${times[Math.floor(times.length / 2)]} ms`
    ].join(' | ')
  })
  return [head, head.replace(/[^|]+/g, ' --- '), ...rows.map(row => `| ${row} |`)].join('\n')
}

/** No request that was sent before the signal is without an answer, and each process ended by itself. */
export function isLossless(stops: readonly Stop[]): boolean {
  return stops.every(
    ({ underWay, served, refused, reset, exitCode }) =>
      reset === 0 && served + refused === underWay && exitCode === 0
  )
}
