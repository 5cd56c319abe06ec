/**
 * Owns the bytes of one connection as the proxy sees them: a stream above the socket, or above
 * its TLS, in which a network can be played that is slow or gone. It is below the WebSocket, so
 * that upgrade, pings and close frames meet the same network.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { ignore } from '../failure.ts'
import { createLane, type Lane, type LaneShape } from './lane.ts'

export interface Wire {
  stream: Duplex
  /** Changes the network; OPEN_LANE both ways is none at all. Hung, it does not even read what it would hold back. */
  shape(toServer: LaneShape, toClient: LaneShape, isTimeout?: boolean): void
}

export function createWire(socket: Socket, clock: Clock): Wire {
  /** Reasons to hold somebody back: the client by the first three, the proxy by the others. */
  let isStreamFull = false
  let isToServerFull = false
  let isTimeout = false
  let isToClientFull = false
  let onWritten: (() => void) | undefined
  let onEnded: (() => void) | undefined
  const toServer: Lane = createLane({
    deliver: receive,
    onRoom() {
      isToServerFull = false
      readOn()
    },
    clock
  })
  const toClient: Lane = createLane({
    deliver: send,
    onRoom() {
      isToClientFull = false
      writeOn()
    },
    clock
  })
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {
      isStreamFull = false
      readOn()
    },
    write: (piece: Buffer, _encoding, done) => write(piece, done),
    writev: (pieces, done) => write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done),
    final(done) {
      if (socket.closed) return done()
      onEnded = done
      toClient.push(null)
    },
    destroy
  })
  socket.on('data', (piece: Buffer) => {
    isToServerFull = !toServer.push(piece)
    if (isToServerFull) socket.pause()
  })
  socket.on('end', () => toServer.push(null))
  socket.on('drain', writeOn)
  // 'close' follows.
  socket.on('error', ignore)
  socket.on('close', onClose)

  return {
    stream,
    shape(nextToServer, nextToClient, isHungNow = false) {
      isTimeout = isHungNow
      if (isTimeout) socket.pause()
      else readOn()
      toServer.shape(nextToServer)
      toClient.shape(nextToClient)
    }
  }

  function receive(piece: Buffer | null): void {
    isStreamFull = !stream.push(piece)
    if (isStreamFull) socket.pause()
  }

  function readOn(): void {
    if (!isStreamFull && !isToServerFull && !isTimeout) socket.resume()
  }

  function write(piece: Buffer, done: () => void): void {
    onWritten = done
    isToClientFull = !toClient.push(piece)
    writeOn()
  }

  function writeOn(): void {
    if (isToClientFull || (socket.writableNeedDrain && !socket.destroyed)) return
    const done = onWritten
    onWritten = undefined
    done?.()
  }

  function send(piece: Buffer | null): void {
    if (piece !== null) return void socket.write(piece)
    // Ended only with its last byte on the way: a destroy that follows would take back the rest.
    socket.end(endOn)
    if (stream.destroyed) socket.destroySoon()
  }

  function endOn(): void {
    onEnded?.()
    onEnded = undefined
  }

  function onClose(hadError: boolean): void {
    // Nobody will take what is still to be sent.
    toClient.close()
    isToClientFull = false
    writeOn()
    endOn()
    // A reset does not arrive either where nothing does.
    if (hadError && !toServer.isBlocked) stream.destroy()
    else toServer.push(null)
  }

  function destroy(error: Error | null, done: (error?: Error | null) => void): void {
    toServer.close()
    // Its other side is not told of the end while nothing passes.
    if (toClient.isBlocked) toClient.push(null)
    else socket.destroy()
    done(error)
  }
}
