/**
 * Owns the sight of single messages in the bytes that pass: where each begins and what it is,
 * without copying and without holding anything back.
 */
import { HEADER_BYTES } from './messages.ts'

/** A message as it comes: its type and as much of its body as is looked at. */
export type OnMessage = (type: number, buffer: Buffer, bodyStart: number, bodyEnd: number, at: number) => void

export interface MessageFinder {
  /** Calls back for each message that has begun in these bytes, with `at` the place of its first byte in them (below 0: it began earlier). */
  look(chunk: Buffer): void
}

/** As much of a body as anybody needs to see: the words of a COMMIT, its tag, a status. */
const LOOKED_AT_BYTES = 64

export function createMessageFinder(onMessage: OnMessage): MessageFinder {
  /** Bytes of the current message that are still to come and need no look. */
  let skip = 0
  /** The beginning of a message that was cut off by the end of a chunk. */
  let begun: Buffer | undefined

  return { look }

  function look(chunk: Buffer): void {
    const earlier = begun?.length ?? 0
    const buffer = begun === undefined ? chunk : Buffer.concat([begun, chunk])
    begun = undefined
    let at = skip
    while (at < buffer.length) {
      const present = buffer.length - at
      if (present < HEADER_BYTES) break
      const bytes = buffer.readUInt32BE(at + 1) + 1
      const needed = Math.min(bytes, HEADER_BYTES + LOOKED_AT_BYTES)
      if (present < needed) break
      onMessage(buffer.readUInt8(at), buffer, at + HEADER_BYTES, at + needed, at - earlier)
      at += Math.max(bytes, HEADER_BYTES)
    }
    skip = Math.max(at - buffer.length, 0)
    if (at < buffer.length) begun = buffer.subarray(at)
  }
}
