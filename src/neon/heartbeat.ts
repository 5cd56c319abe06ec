/**
 * Tells a link that is dead from one that is quiet: pings at an interval, and gives up after two without a
 * sign of life. A process that was held up itself blames nobody, and a peer that never answers a ping is
 * not judged by pings.
 */
import type { Clock } from './clock.ts'

export interface HeartbeatOptions {
  /** Between pings, in ms. A dead link is found after two to three of them. */
  intervalMs: number
  ping: () => void
  /** Called once, and nothing afterwards. */
  onDead: () => void
  clock: Clock
}

export interface Heartbeat {
  /** Something came from the peer. */
  heard(): void
  /** The peer answered a ping. */
  answered(): void
  /** Pings now: false when nothing comes within `timeoutMs`, and then the link counts as dead. */
  check(timeoutMs: number): Promise<boolean>
  stop(): void
  /** Time since the last sign of life, in ms. */
  readonly silentMs: number
}

interface Check {
  outcome: Promise<boolean>
  settle(isAlive: boolean): void
}

const MAX_MISSES = 2

// A timer later than this part of its delay says that this process was held up, with the answers still unread.
const HELD_UP_PART = 0.5

export function createHeartbeat({ intervalMs, ping, onDead, clock }: HeartbeatOptions): Heartbeat {
  let heardAt = clock.now()
  let pingedAt = heardAt
  let hasAnswered = false
  let misses = 0
  let checking: Check | undefined
  let cancelBeat = arm(intervalMs, beat)
  // The first answer tells that this peer answers pings.
  send()

  return {
    heard,
    answered() {
      hasAnswered = true
      heard()
    },
    check(timeoutMs) {
      if (!hasAnswered) return Promise.resolve(true)
      // The one ping serves all who ask before its answer.
      checking ??= startCheck(timeoutMs)
      return checking.outcome
    },
    stop,
    get silentMs() {
      return clock.now() - heardAt
    }
  }

  function heard() {
    heardAt = clock.now()
    misses = 0
    checking?.settle(true)
  }

  function beat(wasHeldUp: boolean) {
    if (heardAt < pingedAt && !wasHeldUp) misses += 1
    if (misses >= MAX_MISSES && hasAnswered) return die()
    send()
    cancelBeat = arm(intervalMs, beat)
  }

  function startCheck(timeoutMs: number): Check {
    let settleOutcome!: (isAlive: boolean) => void
    const outcome = new Promise<boolean>(resolve => {
      settleOutcome = resolve
    })
    let cancel = arm(timeoutMs, decide)
    send()
    return {
      outcome,
      settle(isAlive) {
        cancel()
        checking = undefined
        settleOutcome(isAlive)
      }
    }

    function decide(wasHeldUp: boolean) {
      if (wasHeldUp) cancel = arm(timeoutMs, decide)
      else die()
    }
  }

  function send() {
    pingedAt = clock.now()
    ping()
  }

  function die() {
    stop()
    onDead()
  }

  function stop() {
    cancelBeat()
    checking?.settle(false)
  }

  function arm(delayMs: number, callback: (wasHeldUp: boolean) => void): () => void {
    const dueAt = clock.now() + delayMs
    return clock.after(delayMs, () => callback(clock.now() - dueAt > delayMs * HELD_UP_PART))
  }
}
