/**
 * A process that speaks for a database: it answers every statement but a slow one, and keeps pongs until an answer.
 * Its parent reads the port.
 */
import { once } from 'node:events'
import { type RawData, WebSocketServer } from 'ws'
import { AUTHENTICATED, message } from '../neon/scripted-server.ts'

const READY = message('Z', [0x49])
const ANSWER = [...message('C', [...Buffer.from('SELECT 0'), 0]), ...READY]

const server = new WebSocketServer({ port: 0, host: '0.0.0.0', autoPong: false })
server.on('connection', socket => {
  let frames = 0
  socket.on('error', () => socket.terminate())
  socket.on('message', frame => {
    frames += 1
    if (bytesOf(frame).includes('slow')) return
    socket.send(Buffer.from(frames === 1 ? AUTHENTICATED : isSync(frame) ? READY : ANSWER))
  })
})
await once(server, 'listening')
process.stdout.write(`${Reflect.get(Object(server.address()), 'port')}\n`)

function isSync(frame: RawData): boolean {
  return bytesOf(frame).equals(Buffer.from([0x53, 0, 0, 0, 4]))
}

function bytesOf(data: RawData): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.alloc(0)
}
