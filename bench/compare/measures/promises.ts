/**
 * Measures the plain promises over wss: a service that is started into a hundred requests, what its probes
 * answer meanwhile, and a thousand statements at once that queue for ten connections.
 */
import type { QueueFigures } from '../load.ts'
import { promises } from '../questions.ts'
import type { Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'

const { MEASURE, CONDITIONS } = promises
const CONTESTANT = 'fastify-neon'
const WAY = { roundTripMs: 0, tls: true } as const
const AT_ONCE = 100
const QUEUED = 1000
/** Of a kubelet's probe, by default. */
const PROBE_TIMEOUT_MS = 1000
const PROBE_PAUSE_MS = 50

export async function measurePromises(stage: Stage): Promise<Sample[]> {
  const figures = { ...(await startIntoRequests(stage)), ...(await queue(stage)) }
  return [{ measure: MEASURE, contestant: CONTESTANT, conditions: CONDITIONS, round: 0, figures }]
}

async function startIntoRequests(stage: Stage) {
  const app = await stage.startApp(CONTESTANT, WAY)
  try {
    const origin = `http://127.0.0.1:${app.ready.port}`
    const headers = { authorization: `Bearer ${stage.token}` }
    const requests = Array.from({ length: AT_ONCE }, () => ask(`${origin}/tasks`, { headers }))
    const probes = [ask(`${origin}/livez`), untilReady(`${origin}/readyz`)]
    const answers = await Promise.all(requests)
    const probed = await Promise.all(probes)
    return {
      connectMs: Math.min(...answers.map(({ ms }) => ms)),
      healthMs: Math.max(...probed.map(({ ms }) => ms)),
      failures: [...answers, ...probed].filter(({ isFine }) => !isFine).length
    }
  } finally {
    await app.end()
  }
}

async function queue(stage: Stage) {
  await stage.order(CONTESTANT, { type: 'open', url: stage.urlOf(WAY), max: 10 })
  try {
    const order = { type: 'queue', work: 'read', atOnce: QUEUED } as const
    const { failures, lastMs, latePlaces } = await stage.order<QueueFigures>(CONTESTANT, order)
    return { queueFailures: failures, queueLastMs: lastMs, queueLateShare: latePlaces / QUEUED }
  } finally {
    await stage.order(CONTESTANT, { type: 'close' })
  }
}

interface Answer {
  ms: number
  isFine: boolean
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const startMs = performance.now()
  const isFine = await fetch(url, init).then(
    async response => {
      await response.arrayBuffer()
      return response.ok
    },
    () => false
  )
  return { ms: performance.now() - startMs, isFine }
}

/** The longest answer of a probe, or the time until one is fine. */
async function untilReady(url: string): Promise<Answer> {
  const startMs = performance.now()
  for (;;) {
    const { isFine } = await ask(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    const ms = performance.now() - startMs
    if (isFine || ms > 10 * PROBE_TIMEOUT_MS) return { ms, isFine }
    await new Promise(resolve => setTimeout(resolve, PROBE_PAUSE_MS))
  }
}
