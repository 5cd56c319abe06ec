/**
 * What others notice while a service is under load: those who probe it, on new connections and on kept ones, and a
 * neighbour with an account of his own.
 */
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface WatchOptions {
  port: number
  probePort: number
  probePath: string
  authorization: string
  pid: number
}

export interface Asked {
  status: number
  tookMs: number
}

export interface Watched {
  fresh: Asked[]
  /** On a new connection to the port of the traffic, where that is another one. */
  freshOnTraffic: Asked[]
  kept: Asked[]
  neighbour: Asked[]
  /** Most memory, in MiB. */
  rssMib: number
}

const SECOND_MS = 1000
const TIMEOUT_MS = 30_000

/** Asks once a second, whether or not the last answer has come. */
export async function watch(options: WatchOptions, seconds: number, start: () => void): Promise<Watched> {
  const { port, probePort, probePath, authorization, pid } = options
  const keptProbes = new Agent({ keepAlive: true, maxSockets: 1 })
  const ofNeighbour = new Agent({ keepAlive: true })
  const watched: Watched = { fresh: [], freshOnTraffic: [], kept: [], neighbour: [], rssMib: 0 }
  const asked: Promise<void>[] = []
  // Their connections are there before the others come.
  await ask({ port, path: probePath, agent: keptProbes }, [])
  await ask({ port, path: '/tasks?limit=5', agent: ofNeighbour, headers: { authorization } }, [])
  start()
  for (let second = 0; second < seconds; second += 1) {
    asked.push(
      ask({ port: probePort, path: probePath, agent: false }, watched.fresh),
      ask({ port, path: probePath, agent: false }, watched.freshOnTraffic),
      ask({ port, path: probePath, agent: keptProbes }, watched.kept),
      ask({ port, path: '/tasks?limit=5', agent: ofNeighbour, headers: { authorization } }, watched.neighbour)
    )
    watched.rssMib = Math.max(watched.rssMib, rssMibOf(pid))
    await sleep(SECOND_MS)
  }
  await Promise.all(asked)
  keptProbes.destroy()
  ofNeighbour.destroy()
  return watched
}

interface Question {
  port: number
  path: string
  agent: Agent | false
  headers?: Record<string, string>
}

function ask(question: Question, answers: Asked[]): Promise<void> {
  const startedAt = performance.now()
  return new Promise(resolve => {
    const end = (status: number) => {
      answers.push({ status, tookMs: performance.now() - startedAt })
      resolve()
    }
    get({ ...question, host: '127.0.0.1', signal: AbortSignal.timeout(TIMEOUT_MS) }, answer => {
      answer.resume().once('end', () => end(answer.statusCode ?? 0))
    }).once('error', () => end(0))
  })
}

/** Linux alone. */
function rssMibOf(pid: number): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}
