/**
 * One connection: the driver's Client with its settings on itself, never on the
 * driver's global ones, and with the state of its link and its transaction known.
 */
import { Client, type ClientConfig, type PoolConfig } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
import { cancelStatement } from './cancel.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { printAs } from './printed.ts'
import type { LiveSocket, SocketRegister } from './socket.ts'

export interface ClientTransport {
  url: ConnectionUrl
  sockets: SocketRegister
  /** The server has answered a login or a statement, with a result or an error. @default nobody hears of it */
  onAnswer?: () => void
}

/** From the server's last ReadyForQuery; `unknown` before the first and between an error and the next. */
type TransactionStatus = 'idle' | 'open' | 'failed' | 'unknown'

// A server that is there reads Terminate and closes within a round trip.
const CLOSE_GRACE_MS = 500

// A handshake and a round trip; who waits for the outcome has had its error long before.
const CANCEL_TIMEOUT_MS = 2000

// PostgreSQL, "Message Formats", ReadyForQuery.
const STATUS_BY_LETTER = { I: 'idle', T: 'open', E: 'failed' } as const

// What the server says of a prepared statement whose plan, or which itself, is gone: it says so again for as long
// as the connection lives. By the routine, since SQLSTATE 0A000 is also that of any feature that is not there.
// PostgreSQL, plancache.c and prepare.c.
const ROUTINES_OF_STALE_PLANS = new Set<string | undefined>([
  'RevalidateCachedQuery',
  'FetchPreparedStatement'
])

interface ReadyForQuery {
  status: keyof typeof STATUS_BY_LETTER
}

export class NeonClient extends Client {
  readonly #sockets: SocketRegister
  readonly #onAnswer: () => void
  #transactionStatus: TransactionStatus = 'unknown'
  #isGone = false
  #hasStalePlan = false
  #lastCommand = ''
  #lastTag = ''
  #socket: LiveSocket | undefined
  #address = ''
  // Fields of the driver that its types leave out.
  declare private readonly activeQuery: unknown
  declare private readonly queryQueue: unknown[]
  declare private readonly processID: number | null
  declare private readonly secretKey: number | null

  constructor(config: ClientConfig, { url, sockets, onAnswer = ignore }: ClientTransport) {
    super(config)
    this.#sockets = sockets
    this.#onAnswer = onAnswer
    const { neonConfig } = this
    const keep = (socket: LiveSocket, address: string) => {
      this.#socket = socket
      this.#address = address
    }
    neonConfig.webSocketConstructor = class extends sockets.NeonSocket {
      constructor(address: string) {
        super(address)
        this.deliver(messages => neonConfig.emit('data', messages))
        keep(this, address)
      }
    }
    neonConfig.useSecureWebSocket = url.secure
    // With a timer of its own, so a millisecond for each statement; the socket does it without.
    neonConfig.coalesceWrites = false
    // Pipelining lets connect() resolve before the password is checked and the
    // compute is awake, so that failures arrive on the first query instead.
    neonConfig.pipelineConnect = false
    // Neon's proxy listens on 443 whatever the URL says; an endpoint on this
    // machine listens on the port of its URL.
    if (url.isLoopback) neonConfig.wsProxy = (host, port) => `${bracketed(host)}:${port}/v2`

    printAs(this, () => ({ type: 'NeonClient', transaction: this.#transactionStatus }))
    // Without a listener the loss of a checked-out client is an uncaught
    // exception, although the query's promise rejects too. It comes with what
    // ends the connection, and not with an error that a statement is answered with.
    this.on('error', () => {
      this.#isGone = true
    })
    this.#followTransaction()
  }

  /** The last statement without parameters, such as COMMIT, that was handed to the socket and not only queued. */
  get lastCommand(): string {
    return this.#lastCommand
  }

  /** What the server answered `lastCommand` with, such as COMMIT; empty while it has not. */
  get lastTag(): string {
    return this.#lastTag
  }

  /** True while a statement that was handed over has not been answered. */
  get isBusy(): boolean {
    return this.activeQuery != null || this.queryQueue.length > 0
  }

  /** True from the answer to BEGIN to that to its end. */
  get isInTransaction(): boolean {
    return this.#transactionStatus !== 'idle'
  }

  /** False as soon as it is known that the link is broken. */
  get isLinked(): boolean {
    return !this.#isGone && this.#socket?.readyState === WebSocket.OPEN
  }

  /** Time since the server's side was last heard of, in ms. */
  get silentMs(): number {
    return this.#socket?.silentMs ?? 0
  }

  /**
   * Whether the next user gets a connection with nothing left on it: no statement under way, no
   * transaction open and no prepared statement that cannot be executed. After an error the server's
   * ReadyForQuery may still be on its way; then the answer is a promise, false after `timeoutMs`.
   */
  isClean(timeoutMs: number): boolean | Promise<boolean> {
    if (!this.isLinked || this.isBusy || this.#hasStalePlan) return false
    if (this.#transactionStatus !== 'unknown') return this.#transactionStatus === 'idle'
    return this.#nextStatus(timeoutMs).then(status => status === 'idle')
  }

  /** Whether the other end answers a ping; the link is ended when it does not within `timeoutMs`. */
  async answersPing(timeoutMs: number): Promise<boolean> {
    return (await this.#socket?.check(timeoutMs)) ?? false
  }

  override async connect(): Promise<void> {
    try {
      await super.connect()
    } catch (error) {
      this.#closeSoon()
      throw error
    }
  }

  /** Never resolves for a link that has ended, as the driver's. */
  override end(): Promise<void> {
    this.#closeSoon()
    return super.end()
  }

  /** Ends the link at once, without a word to the server. */
  kill() {
    this.#socket?.terminate()
  }

  /**
   * Ends what runs on the server, and then the link: after it, since the server forgets the key with
   * the link. False when the server answered neither the statement nor its end.
   */
  async cancelAndKill(): Promise<boolean> {
    const { processID: processId, secretKey: secret } = this
    if (this.isLinked && processId !== null && secret !== null) {
      const key = { processId, secret }
      await cancelStatement({
        address: this.#address,
        key,
        sockets: this.#sockets,
        timeoutMs: CANCEL_TIMEOUT_MS
      })
      // The other end may close before it has passed the request on.
      if (this.isBusy) await this.#nextStatus(CANCEL_TIMEOUT_MS)
    }
    const isAnswered = !this.isBusy
    this.kill()
    return isAnswered
  }

  /** The driver lets an exception of a malformed answer go by as an unhandled rejection. */
  override _handleAuthSASLContinue(message: unknown): Promise<void> {
    return super._handleAuthSASLContinue(message).catch(error => {
      this.connection.emit('error', error)
    })
  }

  #followTransaction() {
    const { connection } = this
    connection.on('readyForQuery', ({ status }: ReadyForQuery) => {
      this.#transactionStatus = STATUS_BY_LETTER[status]
      this.#onAnswer()
    })
    connection.on('errorMessage', ({ routine }: { routine?: string }) => {
      this.#transactionStatus = 'unknown'
      if (ROUTINES_OF_STALE_PLANS.has(routine)) this.#hasStalePlan = true
    })
    connection.on('commandComplete', ({ text }: { text: string }) => {
      this.#lastTag = text
    })
    const send = connection.query.bind(connection)
    connection.query = text => {
      this.#lastCommand = text
      this.#lastTag = ''
      send(text)
    }
    connection.once('end', () => {
      this.#transactionStatus = 'unknown'
      this.#isGone = true
    })
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

function ignore() {}

function bracketed(host: string) {
  return host.includes(':') ? `[${host}]` : host
}

/** A password, or where to get it: then each new connection asks, so that a changed one needs no restart. */
export type Password = string | (() => string | Promise<string>)

/** Driver settings for this URL. The password is not enumerable, so that no log of the settings shows it. */
export function clientConfig(
  url: ConnectionUrl,
  settings: PoolConfig,
  password: Password = url.password
): PoolConfig {
  const { host, port, user, database, options } = url
  const config = { ...settings, host, port, user, database, options }
  return Object.defineProperty(config, 'password', { value: password, enumerable: false })
}
