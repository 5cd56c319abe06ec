/**
 * Owns the look into what passes: each statement and session counts as activity, and the faults
 * that act on single messages find theirs.
 */
import type { Duplex } from 'node:stream'
import type { Compute } from '../compute.ts'
import type { Faults } from '../faults/registry.ts'
import type { Meter } from '../meter.ts'
import { createMessageFinder } from '../protocol/message-finder.ts'
import { BACKEND, FRONTEND } from '../protocol/messages.ts'
import type { Connection } from './connection.ts'
import type { Taps } from './relay.ts'

export interface TapOptions {
  connection: Connection
  backend: Duplex
  faults: Faults
  meter: Meter
  compute: Compute
}

const COMMIT = /^\s*(?:commit|end)\b/i
const COMMIT_TAG = 'COMMIT\0'
const NOTHING = Buffer.alloc(0)
const NOISE = 0xff

export function createTaps({ connection, backend, faults, meter, compute }: TapOptions): Taps {
  /** Where the bytes under way are cut off, and with them the connection. */
  let cutAt: number | undefined
  const fromClient = createMessageFinder((type, buffer, start, end, at) => {
    // Who leaves has done nothing: it would keep the compute awake for the idle time of a pool.
    if (type !== FRONTEND.TERMINATE) compute.touch()
    if (type === FRONTEND.QUERY || type === FRONTEND.EXECUTE) meter.onQuery()
    if (!faults.areThere || cutAt !== undefined) return
    if (
      isCommit(type, buffer, start, end) &&
      faults.meet('commit', connection, ({ lose }) => lose === 'request')
    )
      cutAt = Math.max(at, 0)
  })
  const fromServer = createMessageFinder((type, buffer, start, end, at) => {
    // The end of a statement is when its session was active last.
    if (type === BACKEND.READY_FOR_QUERY) compute.touch()
    if (type !== BACKEND.COMMAND_COMPLETE || cutAt !== undefined) return
    const isTag = buffer.toString('latin1', start, end) === COMMIT_TAG
    if (isTag && faults.meet('commit', connection, ({ lose }) => lose === 'acknowledgement'))
      cutAt = Math.max(at, 0)
  })
  return { toServer, toClient }

  function toServer(chunk: Buffer): Buffer {
    if (cutAt !== undefined) return NOTHING
    fromClient.look(chunk)
    return cutAt === undefined ? chunk : cutOff(chunk)
  }

  function toClient(chunk: Buffer): Buffer {
    if (cutAt !== undefined) return NOTHING
    fromServer.look(chunk)
    if (cutAt !== undefined) return cutOff(chunk)
    return faults.areThere ? damaged(chunk) : chunk
  }

  function cutOff(chunk: Buffer): Buffer {
    const kept = chunk.subarray(0, cutAt)
    // After what is kept has been passed on.
    setImmediate(() => {
      backend.end()
      connection.reset()
    })
    return kept
  }

  function damaged(chunk: Buffer): Buffer {
    if (faults.meet('garble', connection)) return Buffer.alloc(chunk.length, NOISE)
    if (faults.meet('truncate', connection)) return chunk.subarray(0, chunk.length >> 1)
    return chunk
  }
}

/** As a statement of its own, whichever protocol it comes with. */
function isCommit(type: number, buffer: Buffer, start: number, end: number): boolean {
  if (type !== FRONTEND.QUERY && type !== FRONTEND.PARSE) return false
  const text = buffer.toString('latin1', start, end)
  // A prepared statement has its name first; one whose name is longer than what is looked at is none.
  return COMMIT.test(type === FRONTEND.PARSE ? text.replace(/^[^\0]*(?:\0|$)/, '') : text)
}
