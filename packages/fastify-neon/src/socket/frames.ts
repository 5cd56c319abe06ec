/**
 * What is sent in one tick as frames of a WebSocket: small messages are joined, since a frame costs more than what is
 * in it; large ones are cut, since the other end keeps a whole frame and refuses one that it has no room for.
 */
export const FRAME_BYTES = 1024 * 1024

export function framesOf(messages: readonly Uint8Array[]): Buffer[] {
  const [first] = messages
  if (first && messages.length === 1 && isOneFrame(first)) return [asBuffer(first)]
  const frames: Buffer[] = []
  let parts: Uint8Array[] = []
  let bytes = 0
  for (const message of messages)
    for (let start = 0; start < message.byteLength; start += FRAME_BYTES) {
      const part = message.subarray(start, start + FRAME_BYTES)
      if (bytes + part.byteLength > FRAME_BYTES) {
        frames.push(joined(parts))
        parts = []
        bytes = 0
      }
      parts.push(part)
      bytes += part.byteLength
    }
  if (bytes > 0) frames.push(joined(parts))
  return frames
}

function isOneFrame({ byteLength }: Uint8Array): boolean {
  return byteLength > 0 && byteLength <= FRAME_BYTES
}

/** One alone is not copied. */
function joined(parts: Uint8Array[]): Buffer {
  const [first] = parts
  return parts.length === 1 && first ? asBuffer(first) : Buffer.concat(parts)
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
