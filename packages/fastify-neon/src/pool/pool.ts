/**
 * The pool: a Pool to the driver and to Drizzle, with a wait queue in front, clients that are
 * checked out and judged when they come back, and an end that always ends.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Client, Pool, type PoolConfig } from '@neondatabase/serverless'
import { clientConfig, NeonClient, type Password } from '../client/client.ts'
import { driverFits } from '../client/driver.ts'
import type { AuthenticationMode } from '../client/eager-authentication.ts'
import {
  asPipelineStatement,
  type Pipeline,
  type PipelineResult,
  type PipelineStatement,
  withName
} from '../client/pipeline.ts'
import { createStatementNames, type StatementNames } from '../client/statement-names.ts'
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import type { Abortable } from '../errors/abort.ts'
import { DatabaseFailure, toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import { printAs } from '../runtime/inspect.ts'
import { callContained, emitContained } from '../runtime/listeners.ts'
import { closeSockets, createSocketRegister, type SocketRegister } from '../socket/socket.ts'
import { CHECKOUT, traced } from '../tracing/channels.ts'
import { type CheckedOutClient, type Checkouts, createCheckouts, type TakenAt } from './checkouts.ts'
import { type AlivenessLimits, type Connections, createConnections } from './connections/connections.ts'
import { probe } from './connections/ping.ts'
import { createCounters, type PoolCounters, type PoolEvent, type PoolListener } from './events.ts'
import { createLastResponse, type LastResponse } from './last-response.ts'
import { createMultiplexing, type Multiplexing, type Place } from './multiplexing.ts'
import type { PoolLimits } from './options.ts'
import { runQuery } from './run-query.ts'
import { createSlots, type Slots } from './slots.ts'
import { createStatementCache, type StatementCache } from './statement-cache.ts'
import { SUSPEND_AFTER_MS } from './wakes.ts'

export type { CheckedOutClient } from './checkouts.ts'
export type { PoolCounters, PoolEvent, PoolListener } from './events.ts'
export { POOL_DEFAULTS, type PoolLimits, poolLimits } from './options.ts'

export interface NeonPoolOptions extends PoolLimits, AlivenessLimits {
  url: ConnectionUrl
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  /** In place of the one in the URL. */
  password?: Password | undefined
  /** Statements are sent without waiting for the answer to the one before. @default true */
  pipelining?: boolean | undefined
  /** Parsers of values, for statements that name none. @default those of the driver */
  types?: PoolConfig['types']
}

export interface CheckoutOptions {
  /** Gives up the wait. A client that is out is not touched by it. */
  signal?: Abortable
  /** Whom it is for: shares take turns in the queue, and none has all clients. @default nobody in particular */
  share?: string | undefined
  /** What a client that is out for long is reported with. @default the stack of the caller, which costs as much as the rest */
  place?: TakenAt
}

export interface PoolStats extends PoolCounters {
  /** Connections, including those being opened. */
  total: number
  /** Idle connections. */
  idle: number
  /** Checked-out connections. */
  checkedOut: number
  /** Callers in the queue. */
  waiting: number
  /** Most connections. */
  max: number
  /** How long the pool has been full, with callers waiting, without a client being released, in ms; else 0. */
  blockedForMs: number
}

export interface PipelineOptions {
  /** Nothing else goes on its connection. @default false */
  isAlone?: boolean
  /** As of `checkout`. */
  share?: string | undefined
}

interface Loan {
  place: TakenAt
  releaseSlot: () => void
  waitedMs: number
}

interface Slot {
  giveBack: () => void
  startedAt: number
  /** Where it was asked for. */
  place: TakenAt
  signal?: Abortable | undefined
}

export type ConnectCallback<C = CheckedOutClient> = (
  error: Error | undefined,
  client: C | undefined,
  release: (doubt?: Error | boolean) => void
) => void

// Sockets close by themselves when the server has read Terminate.
const SOCKET_CLOSE_GRACE_MS = 500

// The upgrade does not wait for the compute, so a lost packet must not cost the whole budget.
const HANDSHAKE_PART = 3

// PostgreSQL, Appendix A: undefined table, column, function, object and schema; no right to one; and an invalid value,
// which is how it tells of a role that does not exist.
const UNUSABLE_OBJECT = ['42P01', '42703', '42883', '42704', '3F000', '42501', '22023']

const A_PIPELINE = 'a statement'

export class NeonPool extends Pool {
  /** `stream` has not the type that pg gives it. */
  declare options: Omit<Pool['options'], 'stream'>
  readonly #slots: Slots<Place<CheckedOutClient>>
  readonly #multiplexing: Multiplexing<CheckedOutClient>
  readonly #checkouts: Checkouts
  readonly #connections: Connections
  readonly #sockets: SocketRegister
  readonly #endTimeoutMs: number
  readonly #createProbe: () => NeonClient
  /** Of a transaction that names none. */
  readonly transactionTimeoutMs: number
  /** False: statements of a client wait for each other, as the driver sends them. */
  readonly pipelines: boolean
  /** True: its server can write nothing, and has no locks or notifications either. */
  readonly isReplica: boolean = false
  readonly #listeners = new Set<PoolListener>()
  /** When Postgres last answered a statement or a login of the pool. */
  readonly lastResponse: LastResponse = createLastResponse()
  /** What it has learnt of the statements. */
  readonly statementCache: StatementCache = createStatementCache()
  /** What they are prepared under, on all its connections. */
  readonly names: StatementNames = createStatementNames({
    onGivenUp: () => this.report({ type: 'names-given-up' })
  })
  readonly #counters = createCounters(() => this.lastResponse.gapMs)
  readonly #max: number
  #ended: Promise<void> | undefined

  constructor(options: NeonPoolOptions) {
    const {
      url,
      applicationName,
      password,
      max,
      types,
      connectTimeoutMs,
      checkoutWarningMs: holdWarningMs
    } = options
    const settings = {
      application_name: applicationName,
      max,
      types,
      query_timeout: options.statementTimeoutMs
    }
    super(clientConfig(url, settings, password))
    this.pipelines = options.pipelining !== false && driverFits()
    const sockets = createSocketRegister({
      handshakeTimeoutMs: Math.ceil(connectTimeoutMs / HANDSHAKE_PART),
      secure: url.secure,
      heartbeatIntervalMs: options.heartbeatIntervalMs
    })
    const login: AuthenticationMode = { isEager: true }
    const { pipelines, names } = this
    // The option of this name is ignored: a class field of the driver overwrites it.
    const onAnswer = this.lastResponse.note
    const onError = (sqlState: string) => {
      if (UNUSABLE_OBJECT.includes(sqlState)) this.report({ type: 'object-unusable', sqlState })
    }
    const transport = { url, sockets, onResponse: onAnswer, onError, login, pipelines, names, pool: this }
    // Not a class of this pool: what the engine learns of the clients of one class it knows of all of them.
    this.Client = new Proxy(Client, {
      construct: (_class, [config]) => new NeonClient(config, transport)
    })
    this.#createProbe = () => new NeonClient(this.options, { url, sockets, login, pipelines })
    this.#max = max
    this.#sockets = sockets
    this.#endTimeoutMs = options.endTimeoutMs
    this.transactionTimeoutMs = options.transactionTimeoutMs
    this.#slots = createSlots({
      capacity: max,
      maxWaiting: options.maxWaiting,
      timeoutMs: options.checkoutTimeoutMs
    })
    this.#checkouts = createCheckouts({
      checkoutWarningMs: holdWarningMs,
      onLongCheckout: place => this.report({ type: 'long-checkout', checkedOutMs: holdWarningMs, place }),
      onReturned: (client, isClean) => {
        this.emit('release', undefined, client)
        this.#connections.giveBack(client, isClean)
      }
    })
    this.#connections = createConnections({
      pool: this,
      isAsleep: () => this.#counters.isAsleep() || (this.lastResponse.ageMs ?? 0) >= SUSPEND_AFTER_MS,
      limits: options,
      isPooled: url.isPooled,
      createClient: () => this.#createClient(),
      isCheckedOut: client => this.#checkouts.has(client),
      report: event => this.report(event),
      onConnected: client => {
        this.#multiplexing.noteRoundTrip(client.upgradeMs)
        this.emit('connect', client)
      },
      onRemoved: client => this.emit('remove', client),
      onFreeLost: (error, client) => this.emit('error', error, client)
    })
    this.#multiplexing = createMultiplexing({
      depth: options.maxPipelined,
      isUsable: client => this.#connections.isUsable(client)
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

  static {
    // The driver's own count is of queues that stay empty here. Not on each pool: the engine keeps such a one in a slow form.
    Object.defineProperties(NeonPool.prototype, {
      totalCount: {
        get(this: NeonPool) {
          return this.#connections.total
        }
      },
      idleCount: {
        get(this: NeonPool) {
          return this.#connections.free
        }
      },
      waitingCount: {
        get(this: NeonPool) {
          return this.#slots.waiting
        }
      }
    })
  }

  /** Calls `listener` for each event, until the returned function is called. An error that it throws is a process warning. */
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
      checkedOut: this.#checkouts.size,
      waiting: this.waitingCount,
      max: this.#max,
      blockedForMs: this.#slots.blockedForMs,
      ...this.#counters.read()
    }
  }

  /**
   * Asks the database on a separate connection, outside the pool: it does not wait in the queue, and no event
   * reports it. Resolves within `timeoutMs`, with undefined after an answer, or else with the failure. It wakes a
   * compute that sleeps.
   */
  ping(timeoutMs: number): Promise<DatabaseFailure | undefined> {
    return probe(this.#createProbe, timeoutMs)
  }

  override connect(): Promise<CheckedOutClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<CheckedOutClient> | undefined {
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
  checkout({ place = new Error('taken'), ...options }: CheckoutOptions = {}): Promise<CheckedOutClient> {
    if (!CHECKOUT.hasSubscribers) return this.#checkout(place, options)
    return traced(CHECKOUT, { pool: this }, () => this.#checkout(place, options))
  }

  /**
   * Throws FST_NEON_EXHAUSTED when a statement that comes now would not be served in time, so that a request that needs
   * the database can be refused before any work is done for it.
   */
  refuseWhenOverloaded(): void {
    if (this.#slots.isOverloaded) throw this.#noted(new DatabaseFailure('exhausted'))
  }

  /** Counts a run, and gives a statement that is run often a name, for a client that prepares it. */
  readonly named = (statement: PipelineStatement): PipelineStatement => {
    const { isFrequent } = this.statementCache.noteRun(statement.text)
    const name = statement.name || (isFrequent ? this.names.of(statement.text)?.name : undefined)
    return withName(statement, name)
  }

  /**
   * Sends a pipeline on a client of its own, or, when there is none, behind pipelines of others: only what ends with no
   * transaction open, and locks nothing that others wait for. Makes the pipeline when there is a client for it. A
   * statement that was slow when it was run last goes alone.
   */
  async runPipeline(
    createPipeline: () => Pipeline,
    { isAlone = false, share }: PipelineOptions = {}
  ): Promise<PipelineResult[]> {
    const placed = CHECKOUT.hasSubscribers
      ? traced(CHECKOUT, { pool: this }, async () => this.#placeFor(isAlone, share))
      : this.#placeFor(isAlone, share)
    const place = placed instanceof Promise ? await placed : placed
    let pipeline: Pipeline | undefined
    try {
      pipeline = createPipeline()
      const results = await place.client.runPipeline(pipeline)
      this.#leave(place, pipeline, true)
      return results
    } catch (error) {
      if (pipeline && isTimeout(error)) this.#giveUp(place, pipeline)
      this.#leave(place, pipeline, false)
      throw error
    }
  }

  #leave(place: Place<CheckedOutClient>, pipeline: Pipeline | undefined, isAnswered: boolean) {
    const { isLast, wasSlow } = this.#multiplexing.leave(place, isAnswered)
    if (pipeline && wasSlow !== undefined) this.statementCache.noteSpeed(pipeline.text, wasSlow)
    if (isLast) place.client.release()
    else this.#slots.take()
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

  /** As a query of `fastify.db`, where it can be one. */
  #query([config, values, callback]: unknown[]): unknown {
    const statement = this.pipelines ? asPipelineStatement(config, values, callback) : undefined
    if (statement) return runQuery(this, statement)
    return Reflect.apply(Pool.prototype.query, this, [config, values, callback])
  }

  async #checkout(place: TakenAt, { signal, share }: CheckoutOptions): Promise<CheckedOutClient> {
    const startedAt = performance.now()
    const giveBack = await this.#slots.acquire(signal, share).catch(this.#refuse)
    return this.#checkOutClient({ giveBack, startedAt, place, signal })
  }

  async #checkOutClient({ giveBack, startedAt, place, signal }: Slot): Promise<CheckedOutClient> {
    try {
      const client = await this.#connections.take(signal)
      return this.#lend(client, { place, releaseSlot: giveBack, waitedMs: performance.now() - startedAt })
    } catch (error) {
      giveBack()
      throw error
    }
  }

  #lend(client: NeonClient, { waitedMs, ...taken }: Loan): CheckedOutClient {
    this.#slots.noteCheckout()
    this.report({ type: 'checked-out', waitedMs })
    const checkedOut = this.#checkouts.checkOut({ client, ...taken })
    this.emit('acquire', checkedOut)
    return checkedOut
  }

  /** At once, where nobody and nothing has to be waited for: a promise costs as much as the rest. */
  #placeFor(
    isAlone: boolean,
    share: string | undefined
  ): Place<CheckedOutClient> | Promise<Place<CheckedOutClient>> {
    const giveBack = this.#slots.acquireNow(share)
    if (giveBack === undefined) return this.#joinNow(isAlone) ?? this.#placeInTurn(isAlone, share)
    return this.#placeOnTaken(isAlone, giveBack)
  }

  #joinNow(isAlone: boolean): Place<CheckedOutClient> | undefined {
    const place = isAlone ? undefined : this.#slots.joinNow(this.#multiplexing.join)
    if (place) this.report({ type: 'checked-out', waitedMs: 0 })
    return place
  }

  async #placeInTurn(isAlone: boolean, share: string | undefined): Promise<Place<CheckedOutClient>> {
    const startedAt = performance.now()
    const join = isAlone ? nowhere : this.#multiplexing.join
    const admitted = await this.#slots.acquireOrJoin(join, share).catch(this.#refuse)
    if ('giveBack' in admitted) return this.#placeOnTaken(isAlone, admitted.giveBack, startedAt)
    this.report({ type: 'checked-out', waitedMs: performance.now() - startedAt })
    return admitted.place
  }

  #placeOnTaken(
    isAlone: boolean,
    giveBack: () => void,
    startedAt = performance.now()
  ): Place<CheckedOutClient> | Promise<Place<CheckedOutClient>> {
    const client = this.#connections.takeNow()
    if (client === undefined) return this.#placeOnNext(isAlone, { giveBack, startedAt, place: A_PIPELINE })
    const loan = { place: A_PIPELINE, releaseSlot: giveBack, waitedMs: performance.now() - startedAt }
    return this.#placeOn(this.#lend(client, loan), isAlone)
  }

  async #placeOnNext(isAlone: boolean, slot: Slot): Promise<Place<CheckedOutClient>> {
    return this.#placeOn(await this.#checkOutClient(slot), isAlone)
  }

  #placeOn(client: CheckedOutClient, isAlone: boolean): Place<CheckedOutClient> {
    const place = this.#multiplexing.open(client)
    if (isAlone) this.#multiplexing.close(place)
    else this.#slots.take()
    return place
  }

  /** Others that wait behind it are not to wait for its end. */
  async #giveUp(place: Place<CheckedOutClient>, pipeline: Pipeline) {
    this.#multiplexing.close(place)
    if (place.pipelines === 1) return
    this.report({ type: 'statement-cancelled' })
    if (!(await place.client.giveUp(pipeline))) this.report({ type: 'statement-unanswered' })
  }

  readonly #refuse = (error: unknown): never => {
    throw this.#noted(toFailure(error, 'connect'))
  }

  #noted(failure: DatabaseFailure): DatabaseFailure {
    if (failure.kind === 'exhausted') this.report({ type: 'checkout-refused', failure })
    return failure
  }

  #createClient(): NeonClient {
    const client = new this.Client(this.options)
    if (client instanceof NeonClient) return client
    throw new TypeError('pool.Client was replaced by a class that is not NeonClient')
  }

  async #end() {
    Object.assign(this, { ending: true })
    this.#slots.close()
    this.#connections.close()
    await nextTurn()
    this.#connections.retireAll()
    await this.#checkouts.allReturned(this.#endTimeoutMs)
    await closeSockets(this.#sockets.open, SOCKET_CLOSE_GRACE_MS)
    Object.assign(this, { ended: true })
  }
}

function ignore() {}

function nowhere() {
  return undefined
}
