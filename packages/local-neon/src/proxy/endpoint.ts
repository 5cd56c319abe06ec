/**
 * Owns the one port of Local Neon. The first byte of a connection tells plain Postgres, the
 * WebSocket of Neon's driver and TLS apart; all become a stream of bytes for a session.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'
import { ignore } from '../failure.ts'
import type { Faults } from '../faults/registry.ts'
import { type Listening, listen } from '../listen.ts'
import { parseStartup } from '../protocol/startup.ts'
import type { CertificateFlaw } from './certificates.ts'
import type { Connection, Connections } from './connection.ts'
import { answerHttp } from './http.ts'
import { createWebSocketStream } from './websocket-stream.ts'

export interface EndpointOptions {
  /** Port at 127.0.0.1; 0 is any free one, and so is one that is taken. */
  port: number
  /** Called for each client that has got so far as to speak the protocol. */
  onClient: (stream: Duplex, connection: Connection) => void
  connections: Connections
  faults: Faults
  /** Key and certificate to serve TLS with; without it there is none. */
  certificate?: (flaw: CertificateFlaw) => { key: string; cert: string }
  /** Answered to whoever asks over HTTP which local Neon this is. */
  identity: string
  /** Time for a client to say what it wants, in milliseconds. @default 15000 */
  greetingDeadlineMs?: number
  /** Time for clients to take their leave on close, in milliseconds. @default 1000 */
  closeDeadlineMs?: number
}

export interface Endpoint extends Listening {
  /** Takes no more clients; resolves when the last connection is gone, which the deadline sees to. */
  close(): Promise<void>
}

/** As long as Neon's proxy waits for the start-up packet. */
const GREETING_DEADLINE_MS = 15_000
const CLOSE_DEADLINE_MS = 1_000
/** A start-up packet begins with its length, which is far below 2^24. */
const POSTGRES_FIRST_BYTE = 0
/** The second byte tells a message of Postgres, whose length is small as well, from a letter of HTTP. */
const KIND_BYTES = 2
/** The record type of a handshake. */
const TLS_FIRST_BYTE = 0x16
/** Length and code, which is all of an SSLRequest. */
const REQUEST_BYTES = 8
const TLS_ACCEPTED = 'S'
/** The largest message that Postgres takes has a gigabyte; Neon's proxy knows no limit. */
const MAX_FRAME_BYTES = 1024 * 1024 * 1024
/** Neon's proxy does not look at it. */
const WEBSOCKET_VERSION = '13'

export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const {
    onClient,
    connections,
    faults,
    certificate,
    identity,
    greetingDeadlineMs = GREETING_DEADLINE_MS,
    closeDeadlineMs = CLOSE_DEADLINE_MS
  } = options
  /** Connections that have not said yet what they want, with the end of their patience. */
  const greeting = new Map<Socket, NodeJS.Timeout>()
  const sockets = new Set<Socket>()
  const upgrading = new WeakMap<Duplex, { tcp: Socket; connection: Connection }>()
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: MAX_FRAME_BYTES,
    // A subprotocol that was asked for is not confirmed.
    handleProtocols: () => false
  })
  const http = createHttpServer(answerHttp(identity)).on('upgrade', onUpgrade)
  // Half open: a client may close its side first and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection)
  const listening = await listen(server, options.port)
  let closing: Promise<void> | undefined

  return { ...listening, close }

  function onConnection(tcp: Socket) {
    sockets.add(tcp)
    const deadline = setTimeout(() => tcp.destroy(), greetingDeadlineMs).unref()
    greeting.set(tcp, deadline)
    // Each error is followed by 'close'.
    tcp.on('error', ignore)
    tcp.once('close', () => {
      endGreeting(tcp)
      sockets.delete(tcp)
    })
    tcp.once('end', () => greeting.has(tcp) && tcp.end())
    peek(tcp, 1, ([first]) => {
      if (first === TLS_FIRST_BYTE && certificate) secure(tcp)
      else if (first === POSTGRES_FIRST_BYTE && certificate) peek(tcp, REQUEST_BYTES, onRequest)
      else begin(tcp, tcp)
    })

    function onRequest(request: Buffer) {
      if (parseStartup(request).kind !== 'tls-request') return begin(tcp, tcp)
      tcp.read(REQUEST_BYTES)
      tcp.write(TLS_ACCEPTED)
      secure(tcp)
    }
  }

  function secure(tcp: Socket) {
    const shown = certificate?.(flawToShow())
    const socket = new TLSSocket(tcp, {
      isServer: true,
      secureContext: createSecureContext(shown),
      ALPNProtocols: ['http/1.1', 'postgresql']
    })
    socket.on('error', () => tcp.destroy())
    socket.once('secure', () => begin(tcp, socket, shown && channelBindingOf(shown.cert)))
  }

  function flawToShow(): CertificateFlaw {
    // Who it is will be known only when TLS has begun.
    const somebody = { facts: {}, ticket: faults.ticket() }
    return faults.meet('certificate', somebody)?.flaw ?? 'none'
  }

  function begin(tcp: Socket, socket: Socket, channelBinding?: Buffer) {
    peek(socket, 1, ([first = 0]) => {
      if (first === POSTGRES_FIRST_BYTE) greet(true)
      else if (!isLetter(first)) tcp.destroy()
      else peek(socket, KIND_BYTES, ([, second]) => greet(second === POSTGRES_FIRST_BYTE))
    })

    function greet(isPostgres: boolean) {
      const connection = connections.open({
        tcp,
        socket,
        transport: isPostgres ? 'tcp' : 'ws',
        host: serverNameOf(socket),
        channelBinding
      })
      if (isPostgres) return admit(tcp, connection.stream, connection)
      upgrading.set(connection.stream, { tcp, connection })
      http.emit('connection', connection.stream)
    }
  }

  function onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer) {
    const found = upgrading.get(stream)
    /* c8 ignore next -- every stream of this server is in there; this tells the compiler */
    if (found === undefined) return void stream.destroy()
    const { tcp, connection } = found
    connection.host = hostIn(request)
    const fault = faults.areThere ? faults.meet('upgrade', connection) : undefined
    if (fault?.status === 'never') return
    if (fault) return void stream.end(answerWith(fault.status))
    request.headers['sec-websocket-version'] = WEBSOCKET_VERSION
    webSockets.handleUpgrade(request, stream, head, socket => {
      const pongsWhen = () => faults.holding('ping', connection)[0]?.answered ?? 'with-next-answer'
      const webSocket = createWebSocketStream({ socket, raw: stream, pongsWhen })
      connection.disconnect = code => socket.close(code)
      connection.breakOff = webSocket.breakOff
      admit(tcp, webSocket.stream, connection)
    })
  }

  function admit(tcp: Socket, stream: Duplex, connection: Connection) {
    endGreeting(tcp)
    onClient(stream, connection)
  }

  function endGreeting(tcp: Socket) {
    clearTimeout(greeting.get(tcp))
    greeting.delete(tcp)
  }

  function close() {
    closing ??= closeAll()
    return closing
  }

  async function closeAll() {
    const closed = new Promise(resolve => server.close(resolve))
    for (const socket of greeting.keys()) socket.destroy()
    const deadline = setTimeout(destroyAll, closeDeadlineMs)
    await closed
    clearTimeout(deadline)
  }

  function destroyAll() {
    for (const socket of sockets) socket.destroy()
  }
}

/** Calls back with so many bytes, once they are there; they stay in the socket. */
function peek(socket: Socket, bytes: number, callback: (bytes: Buffer) => void): void {
  socket.on('readable', onReadable)
  onReadable()

  function onReadable() {
    const chunk: Buffer | null = socket.read(bytes)
    if (chunk === null) return
    socket.off('readable', onReadable)
    socket.unshift(chunk)
    if (chunk.length === bytes) callback(chunk)
    // The client has closed its side before it said enough.
    else socket.destroy()
  }
}

function serverNameOf(socket: Socket): string | undefined {
  const name = socket instanceof TLSSocket ? socket.servername : undefined
  return typeof name === 'string' ? name : undefined
}

function hostIn({ headers }: IncomingMessage): string | undefined {
  const url = `http://${headers.host}`
  return URL.canParse(url) ? new URL(url).hostname : undefined
}

function answerWith(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
}

/** What a client that binds its login to this channel has to name: RFC 5929, tls-server-end-point. */
function channelBindingOf(certificate: string): Buffer {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest()
}

function isLetter(byte: number): boolean {
  return /[a-z]/i.test(String.fromCharCode(byte))
}
