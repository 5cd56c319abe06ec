/**
 * Owns one direction of a connection: bytes pass at once, or late, slowly, or not at all for a while,
 * always in order. Nothing is lost here.
 */
import type { Clock } from '../clock.ts'

export interface LaneShape {
  latencyMs: number
  /** Each piece takes up to so much longer. */
  jitterMs: number
  /** Infinity: as fast as it goes. */
  bytesPerSecond: number
  /** Nothing passes until this changes. */
  isBlocked: boolean
}

export const OPEN_LANE: LaneShape = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  isBlocked: false
}

export interface LaneOptions {
  /** Takes what has come through; null is the end. */
  deliver: (piece: Buffer | null) => void
  /** There is room again after `push` has answered false. */
  onRoom: () => void
  clock: Clock
  /** From 0 to 1. @default Math.random */
  random?: () => number
}

export interface Lane {
  /** Answers false when the sender should wait for `onRoom`. */
  push(piece: Buffer | null): boolean
  shape(shape: LaneShape): void
  readonly isBlocked: boolean
  /** Forgets what is on its way. */
  close(): void
}

/** As much as a TCP connection has on its way before the sender is held back. */
const CAPACITY_BYTES = 1024 * 1024
const SECOND_MS = 1000

interface Held {
  piece: Buffer | null
  sentMs: number
  /** From 0 to 1: which part of the jitter is its own. */
  luck: number
}

export function createLane({ deliver, onRoom, clock, random = Math.random }: LaneOptions): Lane {
  const queue: Held[] = []
  let shape = OPEN_LANE
  let heldBytes = 0
  /** When the piece was due that came through last. */
  let lastDueMs = 0
  let isWaiting = false
  let isClosed = false
  let change = new AbortController()

  return {
    push,
    shape(next) {
      shape = next
      change.abort()
      change = new AbortController()
      drain()
    },
    get isBlocked() {
      return shape.isBlocked
    },
    close() {
      isClosed = true
      queue.length = 0
      change.abort()
    }
  }

  function push(piece: Buffer | null): boolean {
    if (isClosed) return true
    if (queue.length === 0 && shape === OPEN_LANE) {
      deliver(piece)
      return true
    }
    heldBytes += piece?.length ?? 0
    queue.push({ piece, sentMs: clock.now(), luck: random() })
    drain()
    return heldBytes < CAPACITY_BYTES
  }

  function drain(): void {
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      if (shape.isBlocked) return
      if (shape !== OPEN_LANE) {
        const dueMs = dueOf(next)
        const waitMs = dueMs - clock.now()
        if (waitMs > 0) return void wait(waitMs)
        lastDueMs = dueMs
      }
      queue.shift()
      release(next.piece)
    }
  }

  /** By the network as it is now, not as it was when the piece was sent. */
  function dueOf({ piece, sentMs, luck }: Held): number {
    const arrivesMs = sentMs + shape.latencyMs + shape.jitterMs * luck
    const takesMs = ((piece?.length ?? 0) / shape.bytesPerSecond) * SECOND_MS
    // Whatever came before is through first.
    return Math.max(arrivesMs, lastDueMs) + takesMs
  }

  function release(piece: Buffer | null): void {
    const wasFull = heldBytes >= CAPACITY_BYTES
    heldBytes -= piece?.length ?? 0
    deliver(piece)
    if (wasFull && heldBytes < CAPACITY_BYTES) onRoom()
  }

  function wait(ms: number): void {
    if (isWaiting) return
    isWaiting = true
    const again = () => {
      isWaiting = false
      drain()
    }
    // A change of shape is a reason to look again.
    clock.sleep(ms, change.signal).then(again, again)
  }
}
