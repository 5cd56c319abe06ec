/**
 * Owns the view of a WebSocket as a stream of bytes: binary frames only, with backpressure in
 * both directions.
 */
import { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { ignore } from '../failure.ts'

/** Close code of RFC 6455 for a frame of a kind that is not taken; Neon takes no text either. */
const UNSUPPORTED_DATA = 1003
const NORMAL_CLOSURE = 1000

export function createWebSocketStream(socket: WebSocket): Duplex {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => socket.send(chunk, done),
    // What has piled up goes out as one frame.
    writev: (chunks, done) => socket.send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
    final: closeNormally,
    destroy: (error, done) => {
      socket.terminate()
      done(error)
    }
  })
  socket.on('message', onMessage)
  socket.once('close', () => stream.push(null))
  // A 'close' event follows; with no listener at all this one would end the process.
  socket.on('error', ignore)
  return stream

  function onMessage(data: RawData, isBinary: boolean) {
    // What comes behind a refused frame, or after Postgres has closed, goes nowhere.
    if (socket.readyState !== socket.OPEN) return
    if (!isBinary) socket.close(UNSUPPORTED_DATA, 'binary frames only')
    else if (!stream.push(data)) socket.pause()
  }

  function closeNormally(done: () => void) {
    if (socket.readyState === socket.CLOSED) return done()
    socket.once('close', () => done())
    socket.close(NORMAL_CLOSURE)
  }
}
