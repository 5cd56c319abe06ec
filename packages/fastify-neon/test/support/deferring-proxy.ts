/**
 * Passes WebSocket messages on as Neon's own proxy does: a pong to the client waits until the server's next answer.
 */
import { once } from 'node:events'
import type { Test } from 'tap'
import { type RawData, WebSocket, WebSocketServer } from 'ws'

export interface DeferringProxy {
  /** The same database, by way of here. */
  through(this: void, url: string): string
  /** Since the start. */
  readonly counts: { opened: number; closed: number; pings: number; pongs: number }
  /** Frames of clients that hold this text. */
  frames(this: void, text: string): number
  /** Bare Syncs of clients. */
  syncs(this: void): number
}

const SYNC = Buffer.from([0x53, 0, 0, 0, 4])

export async function openDeferringProxy(t: Test, upstreamUrl: string): Promise<DeferringProxy> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
  const counts = { opened: 0, closed: 0, pings: 0, pongs: 0 }
  const frames: Buffer[] = []
  server.on('connection', pass)
  await once(server, 'listening')
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  const port = String(Reflect.get(Object(server.address()), 'port'))

  return {
    through: url => Object.assign(new URL(url), { port }).href,
    counts,
    frames: text => frames.filter(frame => frame.includes(text)).length,
    syncs: () => frames.filter(frame => frame.equals(SYNC)).length
  }

  function pass(client: WebSocket) {
    const upstream = new WebSocket(`ws://${new URL(upstreamUrl).host}/v2`)
    const early: RawData[] = []
    let owed = 0
    counts.opened += 1
    client.on('message', data => {
      frames.push(bytesOf(data))
      if (upstream.readyState === WebSocket.OPEN) upstream.send(data)
      else early.push(data)
    })
    client.on('ping', () => {
      counts.pings += 1
      owed += 1
    })
    upstream.once('open', () => {
      for (const data of early) upstream.send(data)
    })
    upstream.on('message', data => {
      for (; owed > 0; owed -= 1) {
        client.pong()
        counts.pongs += 1
      }
      client.send(data)
    })
    client.on('error', ignore).once('close', () => {
      counts.closed += 1
      upstream.terminate()
    })
    upstream.on('error', ignore).once('close', () => client.close())
  }
}

function bytesOf(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)
}

function ignore() {}
