/**
 * The part of a Node.js stream that the driver's socket lacks, and that a COPY TO of pg-copy-streams reads with: bytes
 * that nobody listens for are kept until they are read, and past a limit the server has to wait.
 */
import type { OpenSocket } from './socket.ts'

/** The driver's socket. */
interface DriverSocket {
  emit(event: string, ...values: unknown[]): boolean
  listenerCount(event: string): number
}

// Two frames of Neon's relay, so that one is on its way while the other is read.
const HIGH_WATER_MARK_BYTES = 128 * 1024

/** Gives `stream` the methods, and returns what takes the bytes that come. */
export function makeReadable(
  stream: DriverSocket,
  socket: Pick<OpenSocket, 'pause' | 'resume'>
): (bytes: Buffer) => void {
  let kept: Buffer[] = []
  let keptBytes = 0
  Object.assign(stream, { pause, read, resume })
  return deliver

  function deliver(bytes: Buffer) {
    if (isHeard() && keptBytes === 0) {
      stream.emit('data', bytes)
      return
    }
    kept.push(bytes)
    keptBytes += bytes.length
    if (keptBytes > HIGH_WATER_MARK_BYTES) socket.pause()
    stream.emit('readable')
  }

  /** All that is there, or null. */
  function read(): Buffer | null {
    if (keptBytes === 0) return null
    const bytes = Buffer.concat(kept)
    kept = []
    keptBytes = 0
    socket.resume()
    return bytes
  }

  /** Nothing is kept back from a listener. */
  function pause() {
    return stream
  }

  function resume() {
    const bytes = isHeard() ? read() : null
    if (bytes) stream.emit('data', bytes)
    return stream
  }

  function isHeard(): boolean {
    return stream.listenerCount('data') > 0
  }
}
