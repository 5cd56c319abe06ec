/**
 * Owns the view of a WebSocket as a stream of bytes, with backpressure in both directions. As in
 * Neon's proxy, it takes binary frames only, and a pong waits for the next bytes of the server.
 */
import { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { ignore } from '../failure.ts'
import { binaryFrames, pongFrame } from './frames.ts'

export interface WebSocketStreamOptions {
  socket: WebSocket
  /** What the WebSocket speaks on; frames are written there in one piece. */
  raw: Duplex
  /** Asked at each ping. @default 'with-next-answer' */
  pongsWhen?: () => PongsWhen
}

/** Neon's proxy keeps a pong until it has something else to send. Most other peers answer at once, some never. */
export type PongsWhen = 'with-next-answer' | 'at-once' | 'never'

export interface WebSocketStream {
  /** `end()` says farewell with a close frame. */
  stream: Duplex
  /** Ends the TCP connection behind what was written and these bytes, without a close frame. */
  breakOff(last?: Buffer): void
}

const NORMAL_CLOSURE = 1000
/** A client that asks for ever and is never answered loses the oldest. RFC 6455 wants only the newest answered. */
const MAX_PONGS_KEPT = 100

export function createWebSocketStream(options: WebSocketStreamOptions): WebSocketStream {
  const { socket, raw, pongsWhen = () => 'with-next-answer' } = options
  let pongs: Buffer[] = []
  let isBrokenOff = false
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    // What has piled up is cut as one piece.
    writev: (chunks, done) => send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
    final,
    destroy: (error, done) => {
      socket.terminate()
      done(error)
    }
  })
  socket.on('message', onMessage)
  socket.on('ping', onPing)
  socket.once('close', onClose)
  // A 'close' event follows; with no listener at all this one would end the process.
  socket.on('error', ignore)
  return { stream, breakOff }

  function breakOff(last?: Buffer) {
    isBrokenOff = true
    stream.end(last)
  }

  function send(bytes: Buffer, done: (error?: Error | null) => void) {
    if (socket.readyState !== socket.OPEN) return done(new Error('the WebSocket is not open'))
    const frames = binaryFrames(bytes)
    raw.write(pongs.length === 0 ? frames : Buffer.concat([...pongs, frames]), done)
    pongs = []
  }

  function onPing(payload: Buffer) {
    const when = pongsWhen()
    if (when === 'at-once') socket.pong(payload)
    if (when !== 'with-next-answer') return
    pongs.push(pongFrame(payload))
    if (pongs.length > MAX_PONGS_KEPT) pongs.shift()
  }

  function onMessage(data: RawData, isBinary: boolean) {
    // What comes behind a refused frame, or after Postgres has closed, goes nowhere.
    if (socket.readyState !== socket.OPEN || isBrokenOff) return
    if (!isBinary) breakOff()
    else if (!stream.push(data)) socket.pause()
  }

  /** Nobody is left to be told anything, so that the stream closes as soon as what came has been read. */
  function onClose() {
    stream.push(null)
    stream.end()
  }

  function final(done: () => void) {
    if (socket.readyState === socket.CLOSED) return done()
    socket.once('close', () => done())
    if (isBrokenOff) raw.end()
    else socket.close(NORMAL_CLOSURE)
  }
}
