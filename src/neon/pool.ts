/**
 * The pool: a Pool to the driver and to Drizzle, with an admission queue in front, clients that are
 * lent and judged when they come back, and an end that always ends.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Pool, type PoolClient } from '@neondatabase/serverless'
import { type Admission, createAdmission } from './admission.ts'
import { type Answers, createAnswers } from './answers.ts'
import { clientConfig, NeonClient, type Password } from './client.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { driverFits } from './driver.ts'
import { type DatabaseFailure, toFailure } from './failure.ts'
import { asFlightStatement, type Flight, type FlightResult, type FlightStatement } from './flight.ts'
import { isHung } from './hang.ts'
import { createKnownStatements, type KnownStatements } from './known-statements.ts'
import { callContained, emitContained } from './listeners.ts'
import { createLoans, type HeldClient, type Loans } from './loans.ts'
import type { LoginManner } from './login.ts'
import { createCounters, type PoolCounters, type PoolEvent, type PoolListener } from './pool-events.ts'
import type { PoolLimits } from './pool-limits.ts'
import { printAs } from './printed.ts'
import { probe } from './probe.ts'
import { runQuery } from './read.ts'
import { createSharing, type Place, type Sharing } from './sharing.ts'
import { closeSockets, createSocketRegister, type SocketRegister } from './socket.ts'
import { createStatementNames, type StatementNames } from './statement-names.ts'
import { type AlivenessLimits, createSupply, type Supply } from './supply.ts'

export type { HeldClient } from './loans.ts'
export type { PoolCounters, PoolEvent, PoolListener } from './pool-events.ts'
export { POOL_DEFAULTS, type PoolLimits, poolLimits } from './pool-limits.ts'

export interface NeonPoolOptions extends PoolLimits, AlivenessLimits {
  url: ConnectionUrl
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  /** In place of the one in the URL. */
  password?: Password | undefined
  /** Statements are sent without waiting for the answer to the one before. @default true */
  pipelining?: boolean | undefined
}

export interface CheckoutOptions {
  /** Gives up the wait. A client that is out is not touched by it. */
  signal?: AbortSignal
}

export interface PoolStats extends PoolCounters {
  /** Connections, those under way included. */
  total: number
  /** Free ones. */
  idle: number
  /** Out, or on their way back. */
  held: number
  /** Callers in the queue. */
  waiting: number
  /** Most connections at once. */
  max: number
  /** How long callers have met a full pool without one client coming back, in ms; 0 when nobody has. */
  blockedForMs: number
}

export interface FlyOptions {
  /** Nothing else goes on its connection. @default false */
  isAlone?: boolean
}

interface Permit {
  giveBack: () => void
  startedAt: number
  /** Where it was asked for. */
  place: Error
  signal?: AbortSignal | undefined
}

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (doubt?: Error | boolean) => void
) => void

// Sockets close by themselves when the server has read Terminate.
const SOCKET_CLOSE_GRACE_MS = 500

// The upgrade does not wait for the compute, so a lost packet must not cost the whole budget.
const HANDSHAKE_PART = 3

// PostgreSQL, Appendix A: undefined table, column, function, object and schema; no right to one; and an invalid value,
// which is how it tells of a role that does not exist.
const UNUSABLE_OBJECT = ['42P01', '42703', '42883', '42704', '3F000', '42501', '22023']

// A flight gives its client back by itself, so nobody looks for the place.
const IN_FLIGHT = new Error('a flight')

export class NeonPool extends Pool {
  readonly #admission: Admission<Place<HeldClient>>
  readonly #sharing: Sharing<HeldClient>
  readonly #loans: Loans
  readonly #supply: Supply
  readonly #sockets: SocketRegister
  readonly #endTimeoutMs: number
  readonly #createProbe: () => NeonClient
  /** Of a transaction that names none. */
  readonly transactionTimeoutMs: number
  /** False: statements of a client wait for each other, as the driver sends them. */
  readonly pipelines: boolean
  readonly #listeners = new Set<PoolListener>()
  /** When Postgres last answered a statement or a login of the pool. */
  readonly answers: Answers = createAnswers()
  /** What it has learnt of the statements. */
  readonly known: KnownStatements = createKnownStatements()
  /** What they are prepared under, on all its connections. */
  readonly names: StatementNames = createStatementNames({
    onGivenUp: () => this.report({ type: 'names-given-up' })
  })
  readonly #counters = createCounters(() => this.answers.gapMs)
  readonly #max: number
  #ended: Promise<void> | undefined

  constructor(options: NeonPoolOptions) {
    const { url, applicationName, password, max, connectTimeoutMs, holdWarningMs } = options
    const settings = { application_name: applicationName, max, query_timeout: options.statementTimeoutMs }
    super(clientConfig(url, settings, password))
    this.pipelines = options.pipelining !== false && driverFits()
    const sockets = createSocketRegister({
      handshakeTimeoutMs: Math.ceil(connectTimeoutMs / HANDSHAKE_PART),
      secure: url.secure,
      heartbeatIntervalMs: options.heartbeatIntervalMs
    })
    const login: LoginManner = { isEager: true }
    const { pipelines, names } = this
    // The option of this name is ignored: a class field of the driver overwrites it.
    const onAnswer = this.answers.note
    const onError = (sqlState: string) => {
      if (UNUSABLE_OBJECT.includes(sqlState)) this.report({ type: 'object-unusable', sqlState })
    }
    this.Client = class extends NeonClient {
      constructor(config: ConstructorParameters<typeof NeonClient>[0]) {
        super(config, { url, sockets, onAnswer, onError, login, pipelines, names })
      }
    }
    this.#createProbe = () => new NeonClient(this.options, { url, sockets, login, pipelines })
    this.#max = max
    this.#sockets = sockets
    this.#endTimeoutMs = options.endTimeoutMs
    this.transactionTimeoutMs = options.transactionTimeoutMs
    this.#admission = createAdmission({
      permits: max,
      maxWaiting: options.maxWaiting,
      timeoutMs: options.checkoutTimeoutMs
    })
    this.#loans = createLoans({
      holdWarningMs,
      onHeldLong: place => this.report({ type: 'client-held', heldMs: holdWarningMs, place }),
      onReturned: (client, isClean) => {
        this.emit('release', undefined, client)
        this.#supply.giveBack(client, isClean)
      }
    })
    this.#supply = createSupply({
      limits: options,
      isPooled: url.isPooled,
      createClient: () => this.#createClient(),
      isHeld: client => this.#loans.has(client),
      report: event => this.report(event),
      onConnected: client => {
        this.#sharing.noteRoundTrip(client.upgradeMs)
        this.emit('connect', client)
      },
      onRemoved: client => this.emit('remove', client),
      onFreeLost: (error, client) => this.emit('error', error, client)
    })
    this.#sharing = createSharing({
      depth: options.sharing,
      isUsable: client => this.#supply.isUsable(client)
    })
    // The driver's own count is of queues that stay empty here.
    Object.defineProperties(this, {
      totalCount: { get: () => this.#supply.total },
      idleCount: { get: () => this.#supply.free },
      waitingCount: { get: () => this.#admission.waiting }
    })
    // Not by a method, whose types would have to repeat those of the driver.
    const query = { value: (...given: unknown[]) => this.#query(given) }
    Object.defineProperty(this, 'query', { ...query, writable: true, configurable: true })
    printAs(this, () => ({
      type: 'NeonPool',
      max,
      total: this.totalCount,
      idle: this.idleCount,
      waiting: this.waitingCount
    }))
    // An 'error' that nobody listens to is an uncaught exception.
    this.on('error', ignore)
  }

  /** Calls `listener` for each event until the returned function is called. What it throws is a warning of the process. */
  observe(listener: PoolListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Counts an event and tells all who observe. */
  report(event: PoolEvent) {
    this.#counters.count(event)
    for (const listener of this.#listeners) callContained(this, 'listener of the pool', () => listener(event))
  }

  /** A listener that throws must not leak the client that it is told of. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return emitContained(this, event, values)
  }

  stats(): PoolStats {
    return {
      total: this.totalCount,
      idle: this.idleCount,
      held: this.#loans.size,
      waiting: this.waitingCount,
      max: this.#max,
      blockedForMs: this.#admission.blockedForMs,
      ...this.#counters.read()
    }
  }

  /**
   * Asks the database on a connection of its own, which is none of the pool's: it waits for nobody, and
   * neither events nor `answers` show it. Resolves with why there was no answer, or undefined when
   * there was, in `timeoutMs` at most. It wakes a compute that sleeps.
   */
  ask(timeoutMs: number): Promise<DatabaseFailure | undefined> {
    return probe(this.#createProbe, timeoutMs)
  }

  override connect(): Promise<PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const checkout = this.checkout()
    if (!callback) return checkout
    const call = (...values: Parameters<ConnectCallback>) =>
      callContained(this, 'callback of connect', () => callback(...values))
    checkout.then(
      client => call(undefined, client, client.release),
      (error: Error) => call(error, undefined, ignore)
    )
    return undefined
  }

  /** As `connect`, with a signal that gives up the wait. */
  checkout({ signal }: CheckoutOptions = {}): Promise<HeldClient> {
    // Here and not later, where the caller is no longer on the stack.
    return this.#checkout(new Error('taken'), signal)
  }

  /** Counts a run, and gives a statement that is run often a name, for a client that prepares it. */
  readonly named = (statement: FlightStatement): FlightStatement => {
    const { isFrequent } = this.known.noteRun(statement.text)
    const name = statement.name || (isFrequent ? this.names.of(statement.text)?.name : undefined)
    return { ...statement, name }
  }

  /**
   * Sends a flight on a client of its own, or, when there is none, behind flights of others: only what ends with no
   * transaction open, and locks nothing that others wait for. Makes the flight when there is a client for it. A
   * statement that was slow when it was run last goes alone.
   */
  async fly(createFlight: () => Flight, { isAlone = false }: FlyOptions = {}): Promise<FlightResult[]> {
    const place = await this.#share(isAlone)
    let flight: Flight | undefined
    let isAnswered = false
    try {
      flight = createFlight()
      const results = await this.#flyOn(place, flight)
      isAnswered = true
      return results
    } finally {
      const { isLast, wasSlow } = this.#sharing.leave(place, isAnswered)
      if (flight && wasSlow !== undefined) this.known.noteSpeed(flight.text, wasSlow)
      if (isLast) place.client.release()
      else this.#admission.seat()
    }
  }

  /** Waits for clients that are out, closes all, and resolves in bounded time. Every call gets the same promise. */
  override end(): Promise<void>
  override end(callback: () => void): void
  override end(callback?: () => void): Promise<void> | undefined {
    this.#ended ??= this.#end()
    if (!callback) return this.#ended
    this.#ended.then(() => callContained(this, 'callback of end', callback))
    return undefined
  }

  /** What only reads may share a connection, as a query of `fastify.db`; everything else has one for itself. */
  #query([config, values, callback]: unknown[]): unknown {
    const statement = this.pipelines ? asFlightStatement(config, values, callback) : undefined
    if (statement && this.known.of(statement.text).isQuery) return runQuery(this, statement)
    return Reflect.apply(Pool.prototype.query, this, [config, values, callback])
  }

  async #checkout(place: Error, signal: AbortSignal | undefined): Promise<HeldClient> {
    const startedAt = performance.now()
    const giveBack = await this.#admitted(this.#admission.acquire(signal))
    return this.#lend({ giveBack, startedAt, place, signal })
  }

  async #lend({ giveBack, startedAt, place, signal }: Permit): Promise<HeldClient> {
    try {
      const client = await this.#supply.take(signal)
      this.#admission.noteLent()
      this.report({ type: 'checked-out', waitedMs: performance.now() - startedAt })
      const lent = this.#loans.lend({ client, place, giveBackPermit: giveBack })
      this.emit('acquire', client)
      return lent
    } catch (error) {
      giveBack()
      throw error
    }
  }

  async #share(isAlone: boolean): Promise<Place<HeldClient>> {
    const startedAt = performance.now()
    const join = isAlone ? nowhere : this.#sharing.join
    const admitted = await this.#admitted(this.#admission.acquireOrJoin(join))
    if ('place' in admitted) {
      this.report({ type: 'checked-out', waitedMs: performance.now() - startedAt })
      return admitted.place
    }
    const client = await this.#lend({ ...admitted, startedAt, place: IN_FLIGHT })
    const place = this.#sharing.open(client)
    if (isAlone) this.#sharing.close(place)
    else this.#admission.seat()
    return place
  }

  async #flyOn(place: Place<HeldClient>, flight: Flight): Promise<FlightResult[]> {
    try {
      return await place.client.fly(flight)
    } catch (error) {
      if (isHung(error)) this.#giveUp(place, flight)
      throw error
    }
  }

  /** Others that wait behind it are not to wait for its end. */
  async #giveUp(place: Place<HeldClient>, flight: Flight) {
    this.#sharing.close(place)
    if (place.flights === 1) return
    this.report({ type: 'statement-cancelled' })
    if (!(await place.client.giveUp(flight))) this.report({ type: 'statement-unanswered' })
  }

  async #admitted<T>(admission: Promise<T>): Promise<T> {
    try {
      return await admission
    } catch (error) {
      const failure = toFailure(error, 'connect')
      if (failure.kind === 'exhausted') this.report({ type: 'checkout-refused', failure })
      throw failure
    }
  }

  #createClient(): NeonClient {
    const client = new this.Client(this.options)
    if (client instanceof NeonClient) return client
    throw new TypeError('pool.Client was replaced by a class that is not NeonClient')
  }

  async #end() {
    this.#admission.close()
    this.#supply.close()
    await nextTurn()
    this.#supply.retireAll()
    await this.#loans.allReturned(this.#endTimeoutMs)
    await closeSockets(this.#sockets.open, SOCKET_CLOSE_GRACE_MS)
  }
}

function ignore() {}

function nowhere() {
  return undefined
}
