/**
 * Owns the network that the faults make of a connection: the sum of all that hold for it.
 */
import type { Fault, FaultOf } from './fault.ts'
import { type LaneShape, OPEN_LANE } from './lane.ts'
import type { Faults, Subject } from './registry.ts'

export interface Network {
  toServer: LaneShape
  toClient: LaneShape
  /** Nothing is read any more, not even by the buffers. */
  isTimeout: boolean
}

/** The faults that a network is made of. */
export function isOfNetwork({ type }: Fault): boolean {
  return type === 'latency' || type === 'bandwidth' || type === 'blackhole' || type === 'hang'
}

export function networkOf(faults: Faults, connection: Subject): Network {
  const latencies = faults.holding('latency', connection)
  const bandwidths = faults.holding('bandwidth', connection)
  const holes = faults.holding('blackhole', connection)
  const isTimeout = faults.holding('hang', connection).length > 0
  const jitterMs = sum(latencies.map(({ jitterMs = 0 }) => jitterMs))
  return {
    toServer: shapeOf({
      latencyMs: sum(latencies.map(({ toServerMs = 0 }) => toServerMs)),
      jitterMs,
      bytesPerSecond: Math.min(...bandwidths.map(({ toServerBytesPerSecond: rate = Infinity }) => rate)),
      isBlocked: isTimeout || holes.some(hole => swallows(hole, 'to-server'))
    }),
    toClient: shapeOf({
      latencyMs: sum(latencies.map(({ toClientMs = 0 }) => toClientMs)),
      jitterMs,
      bytesPerSecond: Math.min(...bandwidths.map(({ toClientBytesPerSecond: rate = Infinity }) => rate)),
      isBlocked: isTimeout || holes.some(hole => swallows(hole, 'to-client'))
    }),
    isTimeout
  }
}

/** A lane that nothing is done to is known by its identity, so that bytes pass it unseen. */
function shapeOf(shape: LaneShape): LaneShape {
  const isOpen =
    shape.latencyMs + shape.jitterMs === 0 && shape.bytesPerSecond === Infinity && !shape.isBlocked
  return isOpen ? OPEN_LANE : shape
}

function swallows({ direction }: FaultOf<'blackhole'>, way: 'to-server' | 'to-client'): boolean {
  return direction === 'both' || direction === way
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
