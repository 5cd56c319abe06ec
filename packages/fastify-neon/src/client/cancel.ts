/**
 * Ends a statement on the server, which would run on after its client has gone: Postgres notices a
 * closed connection when it writes, and that may be long after.
 */
import { within } from '../runtime/deadline.ts'
import type { SocketRegister } from '../socket/socket.ts'

/** What the server told the client at login; whoever has it may cancel that client's statement. */
export interface BackendKey {
  processId: number
  secret: number
}

export interface CancelOptions {
  /** Of the client whose statement it is. */
  address: string
  key: BackendKey
  sockets: SocketRegister
  timeoutMs: number
  /** Asked when the way is open, which takes time: what has ended meanwhile must not have its successor cancelled. */
  isWanted: () => boolean
}

// PostgreSQL, "Message Formats", CancelRequest: 1234 in the high half and 5678 in the low one.
const CANCEL_CODE = 80_877_102
const MESSAGE_BYTES = 16

/** Best effort: resolves when the server has taken it, or has not within the time, and never rejects. */
export async function cancelStatement({
  address,
  key,
  sockets,
  timeoutMs,
  isWanted
}: CancelOptions): Promise<void> {
  const socket = sockets.createSocket(address)
  socket.on('error', ignore)
  socket.once('open', () => (isWanted() ? socket.send(cancelRequest(key)) : socket.terminate()))
  // There is no answer; the server closes the connection when the signal is on its way.
  await within(timeoutMs, new Promise(resolve => socket.once('close', resolve)))
  socket.terminate()
}

export function cancelRequest({ processId, secret }: BackendKey): Buffer {
  const request = Buffer.alloc(MESSAGE_BYTES)
  request.writeInt32BE(MESSAGE_BYTES, 0)
  request.writeInt32BE(CANCEL_CODE, 4)
  request.writeInt32BE(processId, 8)
  request.writeInt32BE(secret, 12)
  return request
}

function ignore() {}
