/**
 * One connection: the driver's Client with its settings on itself, never on the
 * driver's global ones, and with the state of its transaction known.
 */
import { Client, type ClientConfig, type PoolConfig } from '@neondatabase/serverless'
import type { WebSocket } from 'ws'
import type { ConnectionUrl } from './connection-url.ts'
import { printAs } from './printed.ts'
import type { SocketRegister } from './socket.ts'

export interface ClientTransport {
  url: ConnectionUrl
  sockets: SocketRegister
}

/** From the server's last ReadyForQuery; `unknown` before the first and between an error and the next. */
type TransactionStatus = 'idle' | 'open' | 'failed' | 'unknown'

// A server that is there reads Terminate and closes within a round trip.
const CLOSE_GRACE_MS = 500

// PostgreSQL, "Message Formats", ReadyForQuery.
const STATUS_BY_LETTER = { I: 'idle', T: 'open', E: 'failed' } as const

interface ReadyForQuery {
  status: keyof typeof STATUS_BY_LETTER
}

export class NeonClient extends Client {
  #transactionStatus: TransactionStatus = 'unknown'
  #isGone = false
  #lastCommand = ''
  #socket: WebSocket | undefined
  // Fields of the driver that its types leave out.
  declare private readonly activeQuery: unknown
  declare private readonly queryQueue: unknown[]

  constructor(config: ClientConfig, { url, sockets }: ClientTransport) {
    super(config)
    const { neonConfig } = this
    const keep = (socket: WebSocket) => {
      this.#socket = socket
    }
    neonConfig.webSocketConstructor = class extends sockets.NeonSocket {
      constructor(address: string) {
        super(address)
        keep(this)
      }
    }
    neonConfig.useSecureWebSocket = url.secure
    // Pipelining lets connect() resolve before the password is checked and the
    // compute is awake, so that failures arrive on the first query instead.
    neonConfig.pipelineConnect = false
    // Neon's proxy listens on 443 whatever the URL says; an endpoint on this
    // machine listens on the port of its URL.
    if (url.isLoopback) neonConfig.wsProxy = (host, port) => `${bracketed(host)}:${port}/v2`

    printAs(this, () => ({ type: 'NeonClient', transaction: this.#transactionStatus }))
    // Without a listener the loss of a checked-out client is an uncaught
    // exception, although the query's promise rejects too.
    this.on('error', ignoreReportedElsewhere)
    this.connection.on('readyForQuery', ({ status }: ReadyForQuery) => {
      this.#transactionStatus = STATUS_BY_LETTER[status]
    })
    this.connection.on('errorMessage', () => {
      this.#transactionStatus = 'unknown'
    })
    const send = this.connection.query.bind(this.connection)
    this.connection.query = text => {
      this.#lastCommand = text
      send(text)
    }
    this.connection.once('end', () => {
      this.#transactionStatus = 'unknown'
      this.#isGone = true
    })
  }

  /** The last statement without parameters, such as COMMIT, that was handed to the socket and not only queued. */
  get lastCommand(): string {
    return this.#lastCommand
  }

  /** True while a statement that was handed over has not been answered. */
  get isBusy(): boolean {
    return this.activeQuery != null || this.queryQueue.length > 0
  }

  /**
   * Whether the next user gets a connection with nothing left on it: no statement
   * under way and no transaction open. After an error the server's ReadyForQuery
   * may still be on its way; then the answer is a promise, false after `timeoutMs`.
   */
  isClean(timeoutMs: number): boolean | Promise<boolean> {
    if (this.#isGone || this.isBusy) return false
    if (this.#transactionStatus !== 'unknown') return this.#transactionStatus === 'idle'
    return this.#nextStatus(timeoutMs).then(status => status === 'idle')
  }

  override connect(): Promise<void>
  override connect(callback: (error: Error) => void): void
  override connect(callback?: (error: Error) => void): Promise<void> | undefined {
    if (!callback) return super.connect().catch(error => this.#abandon(error))
    super.connect((error?: Error) => {
      if (error) this.#closeSoon()
      // The driver passes none when there is none, which its types do not know.
      Reflect.apply(callback, undefined, [error])
    })
    return undefined
  }

  override end(): Promise<void>
  override end(callback: (error: Error) => void): void
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    this.#closeSoon()
    if (!callback) return super.end()
    super.end(callback)
    return undefined
  }

  /** The driver lets an exception of a malformed answer go by as an unhandled rejection. */
  override _handleAuthSASLContinue(message: unknown): Promise<void> {
    return super._handleAuthSASLContinue(message).catch(error => {
      this.connection.emit('error', error)
    })
  }

  #abandon(error: unknown): never {
    this.#closeSoon()
    throw error
  }

  /** The driver asks the server to close and never closes the socket itself, so a server that does not would keep it open. */
  #closeSoon() {
    setTimeout(() => this.#socket?.terminate(), CLOSE_GRACE_MS).unref()
  }

  #nextStatus(timeoutMs: number): Promise<TransactionStatus> {
    return new Promise(resolve => {
      const { connection } = this
      const settle = () => {
        clearTimeout(timer)
        connection.off('readyForQuery', settle)
        connection.off('end', settle)
        resolve(this.#transactionStatus)
      }
      const timer = setTimeout(settle, timeoutMs)
      connection.once('readyForQuery', settle)
      connection.once('end', settle)
    })
  }
}

function ignoreReportedElsewhere() {}

function bracketed(host: string) {
  return host.includes(':') ? `[${host}]` : host
}

/** Driver settings for this URL. The password is not enumerable, so that no log of the settings shows it. */
export function clientConfig(url: ConnectionUrl, settings: PoolConfig): PoolConfig {
  const { host, port, user, database, options, password } = url
  const config = { ...settings, host, port, user, database, options }
  return Object.defineProperty(config, 'password', { value: password, enumerable: false })
}
