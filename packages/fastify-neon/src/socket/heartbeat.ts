/**
 * Pings, so that no load balancer drops a quiet connection, and ends a connection whose peer stopped answering them. A peer is
 * judged only after it has shown that it answers a ping while nothing else is on its way: Neon's proxy keeps a pong
 * until the server's next answer. A process that was held up itself judges nobody.
 */
import { afterOrLate, type Clock } from '../runtime/clock.ts'

export interface HeartbeatOptions {
  /** Between pings to a peer that answers them, in ms. Its loss is found after two to three of them. */
  intervalMs: number
  ping: () => void
  /** True while the peer owes no answer: only a pong that comes then says that this peer answers pings. */
  isQuiet: () => boolean
  /** Called once, and nothing afterwards. */
  onDead: () => void
  clock: Clock
}

export interface Heartbeat {
  /** Something came from the peer, other than a pong. */
  heard(): void
  /** Something was sent to the peer, other than a ping. */
  sent(): void
  /** A pong came. */
  answered(): void
  stop(): void
  /** Time since the last sign of life, in ms. */
  readonly silentMs: number
}

const MAX_MISSES = 2

/**
 * For a peer that has not shown that it answers pings: intervals between two of them. TCP keep-alive finds its loss
 * (socket.ts), and Linux stops probing while a ping is not acknowledged, so there are few of them: with an
 * interval of 10 s one in 50 s, below the minute after which load balancers drop a quiet connection.
 */
const INTERVALS_UNPROVEN = 5

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { intervalMs, ping, isQuiet, onDead, clock } = options
  const unprovenMs = INTERVALS_UNPROVEN * intervalMs
  let heardAt = clock.now()
  let pingedAt = Number.NEGATIVE_INFINITY
  let isProven = false
  /** Of the last ping: nothing but its pong has come or gone since, and the pong is there. */
  let proof: 'none' | 'asked' | 'answered' = 'none'
  let misses = 0
  let cancelFirst: (() => void) | undefined
  let cancelBeat = afterOrLate(clock, dueInMs(), beat)

  return {
    heard() {
      proof = 'none'
      noteLife()
      // Right behind an answer the peer is there, so that no ping is left unacknowledged.
      if (!isProven && heardAt - pingedAt >= unprovenMs) cancelFirst ??= clock.after(0, sendIfQuiet)
    },
    sent() {
      proof = 'none'
    },
    answered() {
      if (proof === 'asked') proof = 'answered'
      noteLife()
    },
    stop,
    get silentMs() {
      return clock.now() - heardAt
    }
  }

  function noteLife() {
    heardAt = clock.now()
    misses = 0
  }

  function beat(isLate: boolean) {
    // What was flushed together with an answer has that answer behind it; a whole interval is enough for it to come.
    if (proof === 'answered' && !isLate) isProven = true
    proof = 'none'
    if (isProven && heardAt < pingedAt && !isLate) misses += 1
    if (misses >= MAX_MISSES) return die()
    if (isProven || dueInMs() <= 0) send()
    else armBeat()
  }

  /** Until a peer that is not proven is pinged, unless it is heard of meanwhile. */
  function dueInMs(): number {
    return Math.max(heardAt, pingedAt) + unprovenMs - clock.now()
  }

  function sendIfQuiet() {
    cancelFirst = undefined
    if (isQuiet()) send()
  }

  function send() {
    pingedAt = clock.now()
    proof = isQuiet() ? 'asked' : 'none'
    ping()
    armBeat()
  }

  function armBeat() {
    cancelBeat()
    const delayMs = isProven || proof !== 'none' ? intervalMs : dueInMs()
    cancelBeat = afterOrLate(clock, delayMs, beat)
  }

  function die() {
    stop()
    onDead()
  }

  function stop() {
    cancelBeat()
    cancelFirst?.()
  }
}
