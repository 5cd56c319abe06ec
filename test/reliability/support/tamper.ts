/**
 * Sits between a service and its local Neon, passes everything on, and does to the bytes of WebSockets what
 * neither a Postgres nor a Neon can be made to do. Plain TCP goes through as it is.
 */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectTo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { listen } from '../../../packages/local-neon/src/listen.ts'
import type { LocalNeon } from '../../../packages/local-neon/src/local-neon.ts'

/** A link of the service through here. */
export interface Link {
  /** To the service, as a frame of its own. */
  send(bytes: Buffer | string): void
  /** To the service, beside all frames. */
  write(bytes: Buffer): void
  /** Ends it without a word. */
  drop(): void
  /** Ends it with a close frame, behind all that was sent. */
  close(): void
  /** Reads nothing more of what the service sends. */
  pause(): void
}

export interface Tampering {
  /** Of each frame of the service, before it is passed on. True: it is not. */
  toServer?(frame: Buffer, link: Link): boolean
  /** Of each message of the server: what is passed on in its place. */
  toClient?(message: Buffer, link: Link): Buffer | undefined
}

export interface Front {
  /** The same database, by way of here. */
  through(this: void, url: string): string
  /** From now on, on all links, those that come later too. Nothing is done any more when the returned function is called. */
  tamper(tampering: Tampering): () => void
  /** Does this to each link that is there now. */
  each(act: (link: Link) => void): void
  /** Each link that is there now ends as soon as something is sent on it; until then it answers pings. */
  dropOnUse(): void
}

/** First byte of the message. PostgreSQL, "Message Formats". */
export const READY_FOR_QUERY = 0x5a
export const COMMAND_COMPLETE = 0x43

const HEADER_BYTES = 5

/** A message of the server. */
export function messageOf(letter: string, ...parts: readonly (string | readonly number[])[]): Buffer {
  const body = Buffer.concat(
    parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)))
  )
  const head = Buffer.alloc(HEADER_BYTES)
  head.write(letter)
  head.writeInt32BE(body.length + HEADER_BYTES - 1, 1)
  return Buffer.concat([head, body])
}

export async function openFront(t: Pick<Test, 'teardown'>, neon: Pick<LocalNeon, 'url'>): Promise<Front> {
  const http = createHttpServer()
  const webSockets = new WebSocketServer({ server: http })
  const server = createServer(socket => socket.once('data', chunk => route(socket, chunk)))
  const sockets = new Set<Socket>()
  const links = new Map<WebSocket, Link>()
  const doomed = new WeakSet<WebSocket>()
  let tampering: Tampering = {}
  webSockets.on('connection', connect)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', ignore).on('close', () => sockets.delete(socket))
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const port = String((await listen(server, 0)).port)

  return {
    through: url => Object.assign(new URL(url), { port }).href,
    tamper(next) {
      tampering = next
      return () => {
        tampering = {}
        for (const client of links.keys()) client.resume()
      }
    },
    each(act) {
      for (const link of links.values()) act(link)
    },
    dropOnUse() {
      for (const client of links.keys()) doomed.add(client)
    }
  }

  /** A start-up packet begins with a length far below 16 MiB, and a request with a letter. */
  function route(socket: Socket, chunk: Buffer) {
    socket.pause().unshift(chunk)
    if (chunk[0] !== 0) {
      http.emit('connection', socket)
      return void socket.resume()
    }
    const { hostname, port } = new URL(neon.url)
    const database = connectTo(Number(port), hostname)
    database.on('error', ignore).on('close', () => socket.destroy())
    socket.on('close', () => database.destroy())
    socket.pipe(database).pipe(socket)
  }

  function connect(client: WebSocket) {
    const upstream = new WebSocket(`ws://${new URL(neon.url).host}/v2`)
    const opened = once(upstream, 'open').catch(ignore)
    const link: Link = {
      send: bytes => client.send(bytes),
      write: bytes => Reflect.get(client, '_socket').write(bytes),
      drop: () => client.terminate(),
      close: () => client.close(),
      pause: () => client.pause()
    }
    const find = createMessageSplitter(message => {
      const passed = tampering.toClient ? tampering.toClient(message, link) : message
      if (passed && client.readyState === WebSocket.OPEN) client.send(passed)
    })
    links.set(client, link)
    client.on('message', async data => {
      const frame = bytesOf(data)
      if (doomed.has(client)) return link.drop()
      if (tampering.toServer?.(frame, link)) return
      await opened
      if (upstream.readyState === WebSocket.OPEN) upstream.send(frame)
    })
    upstream.on('message', data => find(bytesOf(data)))
    client.on('error', ignore)
    upstream.on('error', ignore)
    client.on('close', () => {
      links.delete(client)
      upstream.terminate()
    })
    upstream.on('close', () => client.terminate())
  }
}

/** Whatever frames they come in: each message of the server, whole. */
function createMessageSplitter(onMessage: (message: Buffer) => void) {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    while (rest.length >= HEADER_BYTES) {
      const length = rest.readUInt32BE(1) + 1
      if (rest.length < length) return
      onMessage(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}

function ignore() {}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}
