/**
 * Owns the probes of a kubelet: a new TCP connection for each, none left out, and none of a
 * prober begun before its last one has ended.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Target {
  port: number
  path: string
}

export interface Probing {
  targets: readonly Target[]
  /** Between two probes of one target, in ms of this machine. */
  periodMs: number
  /** Probes of each target. */
  count: number
  signal: AbortSignal
}

export interface Probed {
  probes: number
  /** Answered with something else than 200 to 399, or not in time. */
  failed: number
}

/** What a kubelet gives a probe by default; of this machine, since an answer takes real time. */
const TIMEOUT_MS = 1000

/** What it takes for success: 200 to 399. */
const SUCCESS = /^HTTP\/1\.1 [23]\d\d /

/** Rejects with the signal's reason when it aborts. */
export async function probe({ targets, periodMs, count, signal }: Probing): Promise<Probed> {
  const startMs = performance.now()
  // A kubelet begins each at a random moment of the period, and these at moments spread over it.
  const probers = targets.map((target, index) => probeOne(target, (index / targets.length) * periodMs))
  const failed = (await Promise.all(probers)).reduce((sum, own) => sum + own, 0)
  return { probes: targets.length * count, failed }

  async function probeOne(target: Target, offsetMs: number): Promise<number> {
    let failures = 0
    for (let turn = 0; turn < count; turn += 1) {
      // From the start and not from the last one, so that what is late does not make all others late.
      const leftMs = startMs + offsetMs + turn * periodMs - performance.now()
      await sleep(Math.max(0, leftMs))
      signal.throwIfAborted()
      if (!(await isAnswered(target))) failures += 1
    }
    return failures
  }
}

/** One probe: whether it is answered with what a kubelet takes for success. */
export function isAnswered({ port, path }: Target): Promise<boolean> {
  return new Promise(resolve => {
    let answer = ''
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, timeout: TIMEOUT_MS })
    socket.setEncoding('latin1')
    socket.write(requestFor(port, path))
    socket.on('data', text => {
      answer += text
    })
    socket.once('timeout', () => socket.destroy())
    // 'close' comes after it.
    socket.once('error', () => {})
    socket.once('close', () => resolve(SUCCESS.test(answer)))
  })
}

/** What a kubelet of Kubernetes 1.34 sends (pkg/probe/http). */
function requestFor(port: number, path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'User-Agent: kube-probe/1.34',
    'Accept: */*',
    'Connection: close',
    '\r\n'
  ].join('\r\n')
}
