/**
 * Owns the frames in which the bytes of Postgres go to a WebSocket, as Neon's proxy cuts them: it reads
 * the compute through a copy buffer of 1,024 bytes and sends what is in it as one frame.
 */

/** `DEFAULT_BUF_SIZE` in proxy/src/pglb/copy_bidirectional.rs of neondatabase/neon. */
export const MAX_FRAME_BYTES = 1_024

// RFC 6455, 5.2: the last (and only) fragment of its message; the server does not mask.
const BINARY = 0x82
const PONG = 0x8a
/** Behind it the length stands in two bytes of its own. */
const MAX_SHORT_BYTES = 125
const LENGTH_FOLLOWS = 126
const SHORT_HEADER_BYTES = 2
const HEADER_BYTES = 4

/** All the frames for these bytes in one buffer, so that they leave with one write. */
export function binaryFrames(bytes: Buffer): Buffer {
  const restBytes = bytes.length % MAX_FRAME_BYTES
  const wholeBytes = bytes.length - restBytes
  const headers = (wholeBytes / MAX_FRAME_BYTES) * HEADER_BYTES + (restBytes > 0 ? headerBytes(restBytes) : 0)
  const frames = Buffer.allocUnsafe(bytes.length + headers)
  let at = 0
  for (let start = 0; start < bytes.length; start += MAX_FRAME_BYTES) {
    const end = Math.min(start + MAX_FRAME_BYTES, bytes.length)
    at = writeHeader(frames, at, end - start)
    at += bytes.copy(frames, at, start, end)
  }
  return frames
}

/** A pong with the payload of its ping, which has at most 125 bytes. */
export function pongFrame(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(PONG, payload.length), payload])
}

function headerBytes(length: number): number {
  return length > MAX_SHORT_BYTES ? HEADER_BYTES : SHORT_HEADER_BYTES
}

function writeHeader(frames: Buffer, start: number, length: number): number {
  const isShort = length <= MAX_SHORT_BYTES
  const at = frames.writeUInt8(isShort ? length : LENGTH_FOLLOWS, frames.writeUInt8(BINARY, start))
  return isShort ? at : frames.writeUInt16BE(length, at)
}
