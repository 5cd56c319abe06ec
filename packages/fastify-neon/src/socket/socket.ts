/**
 * The WebSocket under each client: bounded handshake and close, heartbeat and TCP keep-alive, no compression, one frame
 * for all that is sent in one tick, certificates always verified, and a register so that a pool can end them all.
 */
import type { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { WebSocketLike } from '@neondatabase/serverless'
import { type ClientOptions, type RawData, WebSocket } from 'ws'
import { SYSTEM_CLOCK } from '../runtime/clock.ts'
import { within } from '../runtime/deadline.ts'
import { framesOf } from './frames.ts'
import { createHeartbeat, type Heartbeat } from './heartbeat.ts'
import { createMessageCutter, type MessageCutter } from './message-splitter.ts'

// The largest message the driver may be sent: one frame of Neon's relay is far
// below it, and without a limit a broken peer could fill the memory.
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

// How long a close waits for the peer's close frame. ws waits 30 s, in which a
// silent peer would keep a client that the pool has long given up.
const CLOSE_TIMEOUT_MS = 1000

// Five of them are below the minute after which load balancers drop a connection without traffic (heartbeat.ts).
export const HEARTBEAT_INTERVAL_MS = 10_000

// Ten probes follow it, a second apart, so a host that is gone is found in 15 s. Source: libuv, uv__tcp_keepalive.
const KEEP_ALIVE_DELAY_MS = 5000

export interface SocketOptions {
  /** Time for DNS, TCP, TLS and the upgrade together, in ms. */
  handshakeTimeoutMs: number
  /** True: only `wss:`. False is for a database on this machine. */
  secure: boolean
  /** Between pings to a peer that answers them at once, in ms; to others five times as long. @default 10 000 */
  heartbeatIntervalMs?: number
}

/** What is used of a WebSocket outside of this folder: who has the package need not have the types of ws. */
export interface OpenSocket extends EventEmitter, WebSocketLike {
  pause(): void
  resume(): void
  terminate(): void
}

/** Waits for the sockets to close by themselves, and ends those that do not. */
export async function closeSockets(open: ReadonlySet<OpenSocket>, graceMs: number): Promise<void> {
  await within(graceMs, Promise.all([...open].map(closed)))
  for (const socket of open) socket.terminate()
}

/** Also by an error, which the driver hears of. */
function closed(socket: OpenSocket): Promise<unknown> {
  return new Promise(resolve => socket.once('close', resolve))
}

/** A WebSocket that knows whether its peer is still there. */
export interface LiveSocket extends OpenSocket {
  /** Time since the last sign of life, in ms; 0 before it is open. */
  readonly silentMs: number
  /** How long the answer to the upgrade took, without TCP and TLS, in ms; 0 before it. */
  readonly upgradeMs: number
  /**
   * Replaces the driver's own way to hear what comes.
   */
  deliver(delivery: Delivery): void
}

export interface Delivery {
  /** Gets the messages of the server whole, those of one tick in one piece. */
  onMessages(messages: Buffer): void
  /** Gets what the driver sends, before it is on its way. */
  onSend(bytes: Uint8Array): void
  /** True while the server owes no answer. */
  isQuiet(): boolean
}

export interface SocketRegister {
  createSocket(address: string): LiveSocket
  /** The sockets that are not closed yet. */
  open: ReadonlySet<OpenSocket>
}

// What only a peer that is there sends.
const SIGNS_OF_LIFE = new Set<string | symbol>(['message', 'ping'])

export function createSocketRegister(options: SocketOptions): SocketRegister {
  const open = new Set<OpenSocket>()
  return { createSocket: address => new NeonSocket(address, options, open), open }
}

/** One class for all registers: what the engine learns of the sockets of one it knows of all of them. */
class NeonSocket extends WebSocket implements LiveSocket {
  #heartbeat: Heartbeat | undefined
  #delivery: Delivery | undefined
  #inbox: MessageCutter | undefined
  #isInboxEmpty = true
  #outbox: Uint8Array[] = []
  #upgradeMs = 0

  constructor(
    address: string,
    { secure: isSecure, handshakeTimeoutMs, heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS }: SocketOptions,
    open: Set<OpenSocket>
  ) {
    let requestedAt = 0
    const settings: ClientOptions & { closeTimeout: number } = {
      handshakeTimeout: handshakeTimeoutMs,
      closeTimeout: CLOSE_TIMEOUT_MS,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      followRedirects: false,
      rejectUnauthorized: true
    }
    const finishRequest = (request: ClientRequest) => {
      request.once('socket', link =>
        link.once(isSecure ? 'secureConnect' : 'connect', () => {
          requestedAt = performance.now()
        })
      )
      request.end()
    }
    // The password crosses this socket in the clear, and the driver's own
    // switch for TLS can be changed by anybody who holds a client.
    super(isSecure ? address.replace(/^ws:/, 'wss:') : address, { ...settings, finishRequest })
    open.add(this)
    this.once('upgrade', ({ socket }: IncomingMessage) => {
      this.#upgradeMs = performance.now() - requestedAt
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    })
    this.once('open', () => {
      this.#heartbeat = createHeartbeat({
        intervalMs: heartbeatIntervalMs,
        ping: () => {
          // A reader that is slow reads no pong either.
          if (this.isPaused) this.#heartbeat?.heard()
          this.ping()
        },
        isQuiet: () => this.#delivery?.isQuiet() ?? true,
        onDead: () => this.terminate(),
        clock: SYSTEM_CLOCK
      })
    })
    this.on('pong', () => this.#heartbeat?.answered())
    this.once('close', () => {
      this.#heartbeat?.stop()
      open.delete(this)
    })
  }

  static {
    // The driver asks for a copy of each message. Not on each socket: the engine keeps such a one in a slow form.
    Object.defineProperty(NeonSocket.prototype, 'binaryType', { get: () => 'nodebuffer', set: ignore })
  }

  get silentMs() {
    return this.#heartbeat?.silentMs ?? 0
  }

  get upgradeMs() {
    return this.#upgradeMs
  }

  /** Together with all else that is sent until the end of this tick: a frame costs more than what is in it. */
  override send(given: Uint8Array | string) {
    const bytes = typeof given === 'string' ? Buffer.from(given) : given
    this.#delivery?.onSend(bytes)
    if (this.#outbox.length === 0) process.nextTick(() => this.#flush())
    this.#outbox.push(bytes)
  }

  override close(code?: number) {
    this.#flush()
    super.close(code)
  }

  #flush() {
    const messages = this.#outbox
    this.#outbox = []
    if (messages.length === 0 || this.readyState !== WebSocket.OPEN) return
    this.#heartbeat?.sent()
    for (const frame of framesOf(messages)) super.send(frame)
  }

  deliver(delivery: Delivery) {
    this.#delivery = delivery
    this.#inbox = createMessageCutter(delivery.onMessages)
    this.on('message', (data: RawData) => {
      if (Buffer.isBuffer(data)) this.#keep(data)
    })
  }

  /** Until all that was read at once is here: Neon's frames have a kilobyte, and an answer may be dozens of them. */
  #keep(data: Buffer) {
    this.#inbox?.add(data)
    if (!this.#isInboxEmpty) return
    this.#isInboxEmpty = false
    process.nextTick(() => this.#handOver())
  }

  #handOver() {
    this.#isInboxEmpty = true
    try {
      this.#inbox?.cut()
    } catch {
      this.terminate()
    }
  }

  /** The driver would copy each message into a kind of buffer that is slow to read. */
  override addEventListener(...listening: Parameters<WebSocket['addEventListener']>) {
    const [type] = listening
    if (type !== 'message') super.addEventListener(...listening)
  }

  /** What the driver cannot read throws out of its listener: that ends this connection, and not the process. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (SIGNS_OF_LIFE.has(event)) this.#heartbeat?.heard()
    // Postgres sends no text. The driver would take the letters for a message, and wait for its end.
    if (event === 'message' && values[1] === false) {
      this.terminate()
      return true
    }
    try {
      return super.emit(event, ...values)
    } catch {
      this.terminate()
      return true
    }
  }
}

function ignore() {}
