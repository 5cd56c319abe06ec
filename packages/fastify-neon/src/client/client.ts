/**
 * One connection: the pipelining client with its settings on itself, never on the
 * driver's global ones, and with the state of its connection and its transaction known.
 */
import type { ClientConfig, PoolConfig } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import { afterOrLate, SYSTEM_CLOCK } from '../runtime/clock.ts'
import { printAs } from '../runtime/inspect.ts'
import { emitContained, warn } from '../runtime/listeners.ts'
import { makeReadable } from '../socket/readable-socket.ts'
import type { LiveSocket, SocketRegister } from '../socket/socket.ts'
import { cancelStatement } from './cancel.ts'
import type { Answerable } from './driver.ts'
import { type AuthenticationMode, loginEagerly } from './eager-authentication.ts'
import { guardQuery } from './foreign-query.ts'
import { Pipeline, type PipelineResult } from './pipeline.ts'
import { PipeliningClient } from './pipelining-client.ts'
import { createResponseOrder, ProtocolViolationError } from './protocol/response-order.ts'
import { createReportedSettings, sessionChangeOf } from './session-change.ts'
import { type ServerResponse, saysNameIsLost, saysStalePlan, saysStaleTypes } from './stale-plan.ts'
import { createStatementNames, type StatementNames } from './statement-names.ts'
import { Sync } from './sync.ts'
import { type TracedClient, tracedPipeline } from './traced-query.ts'

export interface ClientTransport {
  url: ConnectionUrl
  sockets: SocketRegister
  /** The server has answered a login or a statement, with a result or an error. @default nobody hears of it */
  onResponse?: () => void
  /** The server has answered with an error, of this SQLSTATE. @default nobody hears of it */
  onError?: (sqlState: string) => void
  /** Statements are sent without waiting for the answer to the one before. @default true */
  pipelines?: boolean
  /** What the clients of a pool have learnt of their server's login. @default eager */
  login?: AuthenticationMode
  /** What statements are prepared under. @default of this client alone */
  names?: StatementNames
  /** Whose client it is. @default nobody's, and its statements are not traced */
  pool?: object
}

/** From the server's last ReadyForQuery; `unknown` before the first and between an error and the next. */
export type TransactionStatus = 'idle' | 'open' | 'failed' | 'unknown'

// A server that is there reads Terminate and closes within a round trip.
const CLOSE_GRACE_MS = 500

// Who waits for the outcome has had its error long before.
const CANCEL_TIMEOUT_MS = 2000

// TCP, TLS of two round trips, the upgrade, the request, and the answer to the statement.
const CANCEL_ROUND_TRIPS = 6

// A process that was held up takes itself for a long way.
const LONGEST_ROUND_TRIP_MS = 1000

// A pooler drops the cancel of what still waits for a server, and the statement begins later.
const CANCEL_AGAIN_MS = 250

// PostgreSQL, "Error Codes", query_canceled.
const CANCELLED = '57014'

// Tags of what drops all prepared statements of a session. PostgreSQL, cmdtaglist.h.
const DROPS_PREPARED = new Set(['DEALLOCATE ALL', 'DISCARD ALL'])

// PostgreSQL, "Message Formats", ReadyForQuery.
const STATUS_BY_LETTER = { I: 'idle', T: 'open', E: 'failed' } as const
const LETTER_BY_STATUS = { idle: 'I', open: 'T', failed: 'E', unknown: null } as const

interface ReadyForQuery {
  status: keyof typeof STATUS_BY_LETTER
}

interface ParameterStatus {
  parameterName: string
  parameterValue: string
}

export class NeonClient extends PipeliningClient {
  /** As pg's: cursors and COPY are not refused. */
  readonly pipeline = false
  readonly #sockets: SocketRegister
  readonly #onAnswer: () => void
  readonly #onError: (sqlState: string) => void
  readonly #login: AuthenticationMode
  readonly #names: StatementNames
  readonly #traced: TracedClient
  #transactionStatus: TransactionStatus = 'unknown'
  #isGone = false
  #hasStalePlan = false
  /** Names whose statements may have been prepared for types that their columns have no more. */
  readonly #suspects = new Set<string>()
  #isOutOfOrder = false
  #sessionChange: string | undefined
  readonly #settings = createReportedSettings()
  #statusCount = 0
  #cancels = 0
  #lastCommand = ''
  #lastTag = ''
  /** Whose tag the last one is, when that is known. */
  #lastSent: Answerable | undefined
  #socket: LiveSocket | undefined
  #address = ''

  constructor(config: ClientConfig, transport: ClientTransport) {
    const { url, sockets, onResponse: onAnswer = ignore, onError = ignore, pipelines = true } = transport
    const { login = { isEager: true }, names = createStatementNames() } = transport
    super(config, pipelines, names)
    this.#traced = { pool: transport.pool, unanswered: () => this.unanswered }
    guardQuery(this, this.#traced)
    this.#names = names
    this.#sockets = sockets
    this.#onAnswer = onAnswer
    this.#onError = onError
    this.#login = login
    const { neonConfig } = this
    const isQuiet = () => !this.isBusy && this.#transactionStatus !== 'unknown'
    const keep = (socket: LiveSocket, address: string) => {
      this.#socket = socket
      this.#address = address
    }
    const order = createResponseOrder()
    const hand = (messages: Buffer, emit: (messages: Buffer) => void) => {
      try {
        // More may come of what was read already when the connection was ended.
        if (!this.#isOutOfOrder && order.admits(messages)) emit(messages)
        else this.#refuseAnswer()
      } catch (error) {
        if (error instanceof ProtocolViolationError) return this.#refuseAnswer()
        this.#isOutOfOrder = true
        // Thrown by who takes the answer: nobody else would hear of it.
        warn(this, 'callback of a statement', error)
        throw error
      }
    }
    neonConfig.webSocketConstructor = new Proxy(WebSocket, {
      construct(_class, [address]) {
        const socket = sockets.createSocket(address)
        const emit = makeReadable(neonConfig, socket)
        socket.deliver({ onMessages: messages => hand(messages, emit), onSend: order.sent, isQuiet })
        keep(socket, address)
        return socket
      }
    })
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

  /** The last statement that was handed to the socket and not only queued, such as COMMIT. */
  get lastCommand(): string {
    return this.#lastCommand
  }

  /** What the server answered `lastCommand` with, such as COMMIT; empty while it has not. */
  get lastTag(): string {
    return this.#lastTag
  }

  /** True while a statement that was handed over has not been answered. */
  get isBusy(): boolean {
    return this.unanswered > 0
  }

  /** As the server said last. */
  get transactionStatus(): TransactionStatus {
    return this.#transactionStatus
  }

  /** The same in the words of pg, which has null for what it does not know. */
  getTransactionStatus(): 'I' | 'T' | 'E' | null {
    return LETTER_BY_STATUS[this.#transactionStatus]
  }

  /** True from the answer to BEGIN to that to its end. */
  get isInTransaction(): boolean {
    return this.#transactionStatus !== 'idle'
  }

  /** False as soon as it is known that the connection is broken. */
  get isConnected(): boolean {
    return !this.#isGone && this.#socket?.readyState === WebSocket.OPEN
  }

  /** What a statement has left on the session for good; undefined for one that is as new. */
  get sessionChange(): string | undefined {
    return this.#sessionChange ?? this.#settings.changed
  }

  /** Time since the server's side was last heard of, in ms. */
  get silentMs(): number {
    return this.#socket?.silentMs ?? 0
  }

  /** How long the other end took to answer the WebSocket's handshake, which is a round trip and no work, in ms. */
  get upgradeMs(): number {
    return this.#socket?.upgradeMs ?? 0
  }

  /** What a cancel takes on its way, beside what the server takes for it, in ms. */
  get cancelWayMs(): number {
    return CANCEL_ROUND_TRIPS * this.#roundTripMs
  }

  get #roundTripMs(): number {
    return Math.min(this.upgradeMs, LONGEST_ROUND_TRIP_MS)
  }

  /**
   * The next user has what was prepared for other types prepared again. Not at once: until then a name of the caller's
   * means what it means to the driver's own client.
   */
  noteReturned() {
    if (this.#suspects.size === 0) return
    for (const name of this.#suspects) this.notePreparedStale(name)
    this.#suspects.clear()
  }

  /**
   * Whether the next user gets a connection with nothing left on it: no statement under way, no
   * transaction open, no prepared statement that cannot be executed, and no cancel that may come late and meet the
   * wrong one: nobody answers those, so a client with one is never clean again. After an error the server's
   * ReadyForQuery may still be on its way; then the answer is a promise, false after `timeoutMs`.
   */
  isClean(timeoutMs: number): boolean | Promise<boolean> {
    const isSpoilt = this.#hasStalePlan || this.sessionChange !== undefined || this.#cancels > 0
    if (!this.isConnected || this.isBusy || isSpoilt) return false
    if (this.#transactionStatus !== 'unknown') return this.#transactionStatus === 'idle'
    return this.#nextStatus(timeoutMs).then(status => status === 'idle')
  }

  /**
   * Whether the server answers a bare Sync within `timeoutMs`, which costs a round trip. Only for a client that is not
   * in use. A pooler that has no server free answers late, as it would a statement.
   */
  answersSync(timeoutMs: number): Promise<boolean> {
    return new Promise(resolve => {
      let cancel = afterOrLate(SYSTEM_CLOCK, timeoutMs, decide)
      this.query(
        new Sync(error => {
          cancel()
          resolve(!error)
        })
      )

      /** Once more when this process was held up: the answer may be unread. */
      function decide(isLate: boolean) {
        if (isLate) cancel = afterOrLate(SYSTEM_CLOCK, timeoutMs, decide)
        else resolve(false)
      }
    })
  }

  /** In the middle of an answer what a listener throws would end the connection. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return emitContained(this, event, values)
  }

  override async connect(): Promise<void> {
    try {
      const connected = super.connect()
      if (this.#login.isEager) loginEagerly(this, this.#login)
      await connected
    } catch (error) {
      this.#closeSoon()
      throw error
    }
  }

  /** Never resolves for a connection that has ended, as the driver's. */
  override end(): Promise<void> {
    this.#closeSoon()
    return super.end()
  }

  /** Resolves when the statement under way is answered or the connection is lost, and after `timeoutMs` at the latest. */
  async answered(timeoutMs: number): Promise<void> {
    if (this.isConnected && this.isBusy) await this.#nextStatus(timeoutMs)
  }

  /** Ends the connection at once, without a word to the server. */
  kill() {
    this.#socket?.terminate()
  }

  /**
   * Ends what runs on the server, and then the connection: after it, since the server forgets the key with
   * the connection. False when the server answered neither the statement nor its end.
   */
  async cancelAndKill(): Promise<boolean> {
    const isAnswered = await this.#cancel()
    this.kill()
    return isAnswered
  }

  /**
   * Ends one statement of which nobody wants the answer any more, as soon as it is its turn, and leaves those behind
   * it alone, unless it ends in that moment by itself: then the next one may be met. False when nothing was
   * answered, and the connection is ended.
   */
  async giveUp(pipeline: Pipeline): Promise<boolean> {
    pipeline.isGivenUp = true
    if (this.activeQuery !== pipeline) await pipeline.reached()
    if (this.activeQuery !== pipeline) return true
    this.#cancels += 1
    const isAnswered = await this.#cancel()
    if (!isAnswered) this.kill()
    return isAnswered
  }

  /** Statements that were given up while others went on. */
  get cancels(): number {
    return this.#cancels
  }

  /** Ends what runs on the server now, and nothing when nothing does. False when neither was answered. */
  async #cancel(): Promise<boolean> {
    const { processID: processId, secretKey: secret } = this
    const before = this.#statusCount
    const isAnswered = () => !this.isBusy || this.#statusCount > before
    if (processId === null || secret === null) return isAnswered()
    const endsAt = performance.now() + CANCEL_TIMEOUT_MS + this.cancelWayMs
    const leftMs = () => Math.max(0, endsAt - performance.now())
    while (this.isConnected && !isAnswered() && leftMs() > 0) {
      await cancelStatement({
        address: this.#address,
        key: { processId, secret },
        sockets: this.#sockets,
        timeoutMs: leftMs(),
        isWanted: () => !isAnswered()
      })
      // The other end may close before it has passed the request on.
      if (!isAnswered()) await this.#nextStatus(Math.min(CANCEL_AGAIN_MS + this.#roundTripMs, leftMs()))
    }
    return isAnswered()
  }

  /** The driver lets an exception of a malformed answer go by as an unhandled rejection. */
  override _handleAuthSASLContinue(message: unknown): Promise<void> {
    return super._handleAuthSASLContinue(message).catch(error => {
      this.connection.emit('error', error)
    })
  }

  override runPipeline(pipeline: Pipeline): Promise<PipelineResult[]> {
    return tracedPipeline(this.#traced, pipeline, () => super.runPipeline(pipeline))
  }

  protected override onSent(query: Answerable, text: string) {
    this.#lastCommand = text
    this.#lastTag = ''
    this.#lastSent = query
    if (query instanceof Pipeline) this.#sessionChange ??= query.sessionChange
    else this.#noteChange(text)
  }

  #noteChange(text: string) {
    this.#sessionChange ??= sessionChangeOf(text)
  }

  #followTransaction() {
    const { connection } = this
    connection.on('readyForQuery', ({ status }: ReadyForQuery) => {
      this.#transactionStatus = STATUS_BY_LETTER[status]
      this.#statusCount += 1
      this.#onAnswer()
      // It has its rows, which would be kept until the next statement.
      if (this.activeQuery === this.#lastSent) this.#lastSent = undefined
      if (this.isInTransaction && this.activeQuery instanceof Pipeline && this.activeQuery.endsIdle)
        this.kill()
    })
    connection.on('errorMessage', (answer: ServerResponse) => {
      this.#transactionStatus = 'unknown'
      if (answer.code !== undefined) this.#onError(answer.code)
      if (answer.code === CANCELLED && this.#cancels > 0) this.#noteMet(this.activeQuery)
      this.#judgePrepared(answer)
    })
    connection.on('commandComplete', ({ text }: { text: string }) => {
      if (DROPS_PREPARED.has(text)) this.forgetPrepared()
      if (!this.pipelines || this.activeQuery === this.#lastSent) this.#lastTag = text
    })
    const send = connection.query.bind(connection)
    connection.query = text => {
      this.#lastCommand = text
      this.#lastTag = ''
      this.#noteChange(text)
      send(text)
    }
    // Of a cursor, and of a statement with values on a client that does not pipeline.
    const parse = connection.parse.bind(connection)
    connection.parse = (statement, more) => {
      this.#noteChange(statement.text)
      parse(statement, more)
    }
    connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) =>
      this.#settings.note(parameterName, parameterValue)
    )
    connection.once('readyForQuery', () => this.#settings.loggedIn())
    connection.once('end', () => {
      this.#transactionStatus = 'unknown'
      this.#isGone = true
    })
  }

  /** Nobody knows whose answer is whose any more: all that is not answered is lost. */
  #refuseAnswer() {
    this.#isOutOfOrder = true
    this.connection.emit('error', new ProtocolViolationError())
    this.kill()
  }

  #noteMet(query: Answerable | null | undefined) {
    if (query instanceof Pipeline) query.isMetByCancel = !query.isGivenUp
  }

  /** What the error says of what the statement was prepared under. */
  #judgePrepared(answer: ServerResponse) {
    const { preparedName: name } = this
    if (name === '') {
      // By a statement of SQL, of which nothing is known here.
      if (saysStalePlan(answer)) this.#hasStalePlan = true
    } else if (saysNameIsLost(answer, name)) this.#names.giveUp()
    else if (saysStalePlan(answer)) this.notePreparedStale(name)
    // Of a pipeline its sender judges, who has it repeated.
    else if (saysStaleTypes(answer) && !(this.activeQuery instanceof Pipeline)) this.#suspects.add(name)
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
