/**
 * A process that speaks for a database: it answers every statement but a slow one, and keeps pongs until an answer.
 * Its parent reads the port.
 */
import { once } from 'node:events'
import { type RawData, WebSocketServer } from 'ws'
import { AUTHENTICATED, message } from '../../packages/fastify-neon/test/support/scripted-server.ts'

/** By the type of what is asked. A statement has no columns and no rows. */
const ANSWERS: Record<string, readonly number[]> = {
  P: message('1', []),
  B: message('2', []),
  D: message('T', [0, 0]),
  C: message('3', []),
  E: message('C', [...Buffer.from('SELECT 0'), 0]),
  S: message('Z', [0x49])
}

const server = new WebSocketServer({ port: 0, host: '0.0.0.0', autoPong: false })
server.on('connection', socket => {
  let frames = 0
  socket.on('error', () => socket.terminate())
  socket.on('message', frame => {
    frames += 1
    if (bytesOf(frame).includes('slow')) return
    socket.send(
      Buffer.from(frames === 1 ? AUTHENTICATED : typesIn(bytesOf(frame)).flatMap(type => ANSWERS[type] ?? []))
    )
  })
})
await once(server, 'listening')
process.stdout.write(`${Reflect.get(Object(server.address()), 'port')}\n`)

/** Of whole messages. */
function typesIn(frame: Buffer): string[] {
  const types: string[] = []
  for (let at = 0; at < frame.length; at += 1 + frame.readInt32BE(at + 1))
    types.push(String.fromCharCode(frame[at] ?? 0))
  return types
}

function bytesOf(data: RawData): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.alloc(0)
}
