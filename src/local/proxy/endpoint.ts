/**
 * Owns the one port of Local Neon. The first byte of a connection tells plain Postgres from
 * the WebSocket of Neon's driver; both become a stream of bytes for a session.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { ignore, systemCode } from '../failure.ts'
import type { Session } from './relay.ts'
import { createWebSocketStream } from './websocket-stream.ts'

export interface EndpointOptions {
  /** Port at 127.0.0.1; 0 is any free one, and so is one that is taken. */
  port: number
  /** Called for each client; what it answers is closed with the endpoint. */
  openSession: (client: Duplex) => Session
  /** Time for a client to say what it wants, in milliseconds. @default 15000 */
  greetingDeadlineMs?: number
  /** Time for clients to take their leave on close, in milliseconds. @default 1000 */
  closeDeadlineMs?: number
}

export interface Endpoint {
  port: number
  /** True when the port asked for was taken. */
  portWasTaken: boolean
  /** Ends every connection. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'
/** As long as Neon's proxy waits for the start-up packet. */
const GREETING_DEADLINE_MS = 15_000
const CLOSE_DEADLINE_MS = 1_000
/** A start-up packet begins with its length, which is far below 2^24. */
const POSTGRES_FIRST_BYTE = 0
const REFUSAL =
  'This is a local Neon: connect with a Postgres client or with a WebSocket of the Neon driver\n'

export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const {
    openSession,
    greetingDeadlineMs = GREETING_DEADLINE_MS,
    closeDeadlineMs = CLOSE_DEADLINE_MS
  } = options
  const sessions = new Set<Session>()
  /** Connections that have not said yet what they want, with the end of their patience. */
  const greeting = new Map<Duplex, NodeJS.Timeout>()
  const sockets = new Set<Socket>()
  const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false })
  const http = createHttpServer(refuse).on('upgrade', onUpgrade)
  // Half open: a client may close its side first and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection)
  const portWasTaken = await listen(server, options.port)
  let closing: Promise<void> | undefined

  return { port: portOf(server), portWasTaken, close }

  function onConnection(socket: Socket) {
    sockets.add(socket)
    const deadline = setTimeout(() => socket.destroy(), greetingDeadlineMs).unref()
    greeting.set(socket, deadline)
    // Each error is followed by 'close'.
    socket.on('error', ignore)
    socket.once('close', () => {
      endGreeting(socket)
      sockets.delete(socket)
    })
    socket.once('end', () => greeting.has(socket) && socket.end())
    socket.once('data', chunk => onFirstChunk(socket, chunk))
  }

  function onFirstChunk(socket: Socket, chunk: Buffer) {
    socket.pause()
    socket.unshift(chunk)
    if (chunk.readUInt8() === POSTGRES_FIRST_BYTE) return begin(socket, socket)
    if (!isLetter(chunk.readUInt8())) return socket.destroy()
    http.emit('connection', socket)
    socket.resume()
  }

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    webSockets.handleUpgrade(request, socket, head, webSocket =>
      begin(socket, createWebSocketStream(webSocket))
    )
  }

  function begin(socket: Duplex, client: Duplex) {
    endGreeting(socket)
    const session = openSession(client)
    sessions.add(session)
    socket.once('close', () => sessions.delete(session))
  }

  function endGreeting(socket: Duplex) {
    clearTimeout(greeting.get(socket))
    greeting.delete(socket)
  }

  function close() {
    closing ??= closeAll()
    return closing
  }

  async function closeAll() {
    const closed = new Promise(resolve => server.close(resolve))
    for (const socket of greeting.keys()) socket.destroy()
    for (const session of sessions) session.close()
    const deadline = setTimeout(destroyAll, closeDeadlineMs)
    await closed
    clearTimeout(deadline)
  }

  function destroyAll() {
    for (const socket of sockets) socket.destroy()
  }
}

/** Listens at the port, or at any free one when it is taken. Answers whether it was. */
async function listen(server: Server, port: number): Promise<boolean> {
  try {
    await listenAt(server, port)
    return false
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') throw error
    await listenAt(server, 0)
    return true
  }
}

function listenAt(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: HOST, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address()
  /* c8 ignore next -- a server that listens at a host has an address; this tells the compiler */
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return address.port
}

function refuse(_request: IncomingMessage, response: ServerResponse) {
  response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' })
  response.end(REFUSAL)
}

function isLetter(byte: number): boolean {
  return /[a-z]/i.test(String.fromCharCode(byte))
}
