/**
 * A server that says what a real one cannot be made to say.
 */
import { once } from 'node:events'
import type { Test } from 'tap'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'

/** Calls `answer` for each message of a client, counted from one. */
export async function scriptedServer(
  t: Test,
  answer: (socket: WebSocket, count: number, frame: RawData) => void,
  { autoPong = true, upgradeMs = 0 } = {}
) {
  const verifyClient = (_: object, accept: (isAccepted: boolean) => void) =>
    setTimeout(accept, upgradeMs, true)
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    autoPong,
    ...(upgradeMs > 0 && { verifyClient })
  })
  server.on('connection', socket => {
    let count = 0
    socket.on('message', frame => answer(socket, ++count, frame))
  })
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: `postgresql://u:p@127.0.0.1:${port}/d`, open: () => server.clients.size }
}

/** A message of the protocol: its letter, its length, its content. */
export function message(letter: string, content: number[]): number[] {
  const length = Buffer.alloc(4)
  length.writeInt32BE(content.length + 4)
  return [letter.charCodeAt(0), ...length, ...content]
}

/** AuthenticationCleartextPassword, as Neon asks, AuthenticationOk and ReadyForQuery. */
export const AUTHENTICATED = [
  ...message('R', [0, 0, 0, 3]),
  ...message('R', [0, 0, 0, 0]),
  ...message('Z', [0x49])
]

const COMPLETE = message('C', [...Buffer.from('SELECT 0'), 0])
const READY = message('Z', [0x49])
const ANSWERS: Readonly<Record<string, number[]>> = {
  P: message('1', []),
  B: message('2', []),
  C: message('3', []),
  D: message('n', []),
  E: COMPLETE,
  S: READY,
  Q: [...COMPLETE, ...READY]
}

/** What a server answers to statements of which none has rows. */
export function answerWithoutRows(frame: RawData): Buffer {
  const bytes = Buffer.isBuffer(frame) ? frame : Buffer.alloc(0)
  const answers: number[] = []
  for (let start = 0; start < bytes.length; start += 1 + bytes.readUInt32BE(start + 1))
    answers.push(...(ANSWERS[String.fromCharCode(bytes[start] ?? 0)] ?? []))
  return Buffer.from(answers)
}
