/**
 * Owns a login at the compute itself. Postgres knows this process by its user and asks for no
 * password: the proxy has checked that already.
 */
import { connect, type Socket } from 'node:net'
import {
  BACKEND,
  cancelRequest,
  errorFields,
  type Message,
  message,
  readMessage,
  startupPacket
} from '../protocol/messages.ts'

export interface Backend {
  socket: Socket
  /** What Postgres said between its AuthenticationOk and its first ReadyForQuery, that included. */
  greeting: Buffer
  /** Pid of the backend. */
  processId: number
  /** Ends what runs in the session, sent on a connection of its own. */
  cancelRequest: Buffer
}

/** Postgres refuses the session; the text is its own. */
export class BackendRefusal extends Error {
  override readonly name = 'BackendRefusal'
}

/** A greeting has a few hundred bytes; a search_path or a notice may make it longer. */
const MAX_MESSAGE_BYTES = 65_536
/** Pid and secret. */
const KEY_BYTES = 8

/** Throws an BackendRefusal, or the error of a socket or a protocol that broke. */
export async function openBackend(
  socketPath: string,
  parameters: Iterable<readonly [string, string]>
): Promise<Backend> {
  const socket = connect(socketPath)
  // Told by the reads below, which end when the socket does.
  let failure: Error | undefined
  const onError = (error: Error) => {
    failure = error
  }
  socket.on('error', onError)
  try {
    socket.write(startupPacket(parameters))
    const { greeting, key } = await readGreeting(socket)
    return { socket, greeting, processId: key.readUInt32BE(), cancelRequest: cancelRequest(key) }
  } catch (error) {
    socket.destroy()
    throw failure ?? error
  }
}

async function readGreeting(socket: Socket): Promise<{ greeting: Buffer; key: Buffer }> {
  const said: Buffer[] = []
  // Of nobody, should Postgres name none.
  let key: Buffer = Buffer.alloc(KEY_BYTES)
  for (;;) {
    const { type, body } = await readMessage(socket, MAX_MESSAGE_BYTES)
    if (type === BACKEND.ERROR_RESPONSE) throw refusalOf({ type, body })
    if (type === BACKEND.BACKEND_KEY_DATA) key = body
    if (type !== BACKEND.AUTHENTICATION) said.push(message(type, body))
    if (type === BACKEND.READY_FOR_QUERY) return { greeting: Buffer.concat(said), key }
  }
}

function refusalOf({ body }: Message): BackendRefusal {
  return new BackendRefusal(errorFields(body).get('M') ?? 'no message')
}
