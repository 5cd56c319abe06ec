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
  /** Changes the network; OPEN_LANE both ways is none at all. */
  shape(toServer: LaneShape, toClient: LaneShape): void
}

export function createWire(socket: Socket, clock: Clock): Wire {
  let isStreamFull = false
  let onWritten: (() => void) | undefined
  const toServer: Lane = createLane({ deliver: receive, onRoom: readOn, clock })
  const toClient: Lane = createLane({ deliver: send, onRoom: writeOn, clock })
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {
      isStreamFull = false
      readOn()
    },
    write: (piece: Buffer, _encoding, done) => write(piece, done),
    writev: (pieces, done) => write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done),
    final(done) {
      onWritten = done
      toClient.push(null)
    },
    destroy
  })
  socket.on('data', (piece: Buffer) => {
    if (!toServer.push(piece)) socket.pause()
  })
  socket.on('end', () => toServer.push(null))
  socket.on('drain', writeOn)
  // 'close' follows.
  socket.on('error', ignore)
  socket.on('close', hadError => (hadError ? stream.destroy() : toServer.push(null)))

  return {
    stream,
    shape(nextToServer, nextToClient) {
      toServer.shape(nextToServer)
      toClient.shape(nextToClient)
      // Its other side was not told of the end while nothing passed.
      if (stream.destroyed && !toClient.isBlocked) socket.destroy()
    }
  }

  function receive(piece: Buffer | null): void {
    if (stream.readableEnded || stream.destroyed) return
    isStreamFull = !stream.push(piece)
    if (isStreamFull) socket.pause()
  }

  function readOn(): void {
    if (!isStreamFull) socket.resume()
  }

  function write(piece: Buffer, done: () => void): void {
    const hasRoom = toClient.push(piece)
    if (hasRoom && !socket.writableNeedDrain) done()
    else onWritten = done
  }

  function send(piece: Buffer | null): void {
    if (piece !== null) return void socket.write(piece)
    socket.end()
    writeOn()
  }

  function writeOn(): void {
    const done = onWritten
    onWritten = undefined
    done?.()
  }

  function destroy(error: Error | null, done: (error?: Error | null) => void): void {
    toServer.close()
    if (!toClient.isBlocked) socket.destroy()
    done(error)
  }
}
