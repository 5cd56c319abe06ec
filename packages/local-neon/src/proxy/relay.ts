/**
 * Owns the passing on of bytes between a client and Postgres: what one side says last reaches
 * the other, an end or a failure of one ends the other, and nothing stays behind.
 */
import type { Duplex } from 'node:stream'
import { ignore } from '../failure.ts'

/** What stands between a client and Postgres. */
export interface Session {
  /** Ends both sides. */
  close(): void
}

/** Sees what passes, and answers what shall pass in its place. */
export type Tap = (chunk: Buffer) => Buffer

export interface Taps {
  toServer: Tap
  toClient: Tap
}

/** Time for a client to take in what Postgres said last and to disconnect. */
const LINGER_MS = 2_000

export function relay(
  client: Duplex,
  server: Duplex,
  taps: Taps = { toServer: same, toClient: same }
): Session {
  // Each error is followed by 'close', which is where the other side is told.
  client.on('error', ignore)
  server.on('error', ignore)
  forward(client, server, taps.toServer)
  forward(server, client, taps.toClient)
  client.once('close', onClientClose)
  server.once('close', onServerClose)

  return { close: () => server.destroy() }

  function onClientClose() {
    // Nobody wants the rest; but Postgres reads a last message only when it can write.
    server.resume()
    server.end(() => server.destroy())
  }

  function onServerClose() {
    destroyLater(client)
    // Read on, or the client's end would never be seen.
    client.resume()
    client.end()
  }
}

/** Ends a client that has had its last word and does not disconnect. */
export function destroyLater(client: Duplex): void {
  const linger = setTimeout(() => client.destroy(), LINGER_MS).unref()
  client.once('close', () => clearTimeout(linger))
}

/** As pipe() does, without the layers that it has for readers who come and go. */
function forward(source: Duplex, sink: Duplex, tap: Tap): void {
  source.on('data', (chunk: Buffer) => {
    const kept = tap(chunk)
    if (kept.length > 0 && sink.writable && !sink.write(kept)) source.pause()
  })
  sink.on('drain', () => source.resume())
  source.on('end', () => sink.end())
}

function same(chunk: Buffer): Buffer {
  return chunk
}
