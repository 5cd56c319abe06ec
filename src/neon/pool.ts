/**
 * The pool: a Pool to the driver and to Drizzle, with an admission queue, a release that only ever
 * returns a clean client, connects that are tried again, and an end that always ends.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Pool, type PoolClient } from '@neondatabase/serverless'
import { failureOfAbort } from './abort.ts'
import { type Admission, createAdmission } from './admission.ts'
import { clientConfig, NeonClient, type Password } from './client.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { type Connector, createConnector } from './connector.ts'
import { within } from './deadline.ts'
import { DatabaseFailure, isAnswerOfServer, toFailure } from './failure.ts'
import { createCounters, type PoolCounters, type PoolEvent, type PoolListener } from './pool-events.ts'
import type { PoolLimits } from './pool-limits.ts'
import { printAs } from './printed.ts'
import { closeSockets, createSocketRegister, type SocketRegister } from './socket.ts'
import { createStock, type Stock } from './stock.ts'

export type { PoolCounters, PoolEvent, PoolListener } from './pool-events.ts'
export { POOL_DEFAULTS, type PoolLimits, poolLimits } from './pool-limits.ts'

export interface NeonPoolOptions extends PoolLimits {
  url: ConnectionUrl
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  /** In place of the one in the URL. */
  password?: Password | undefined
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
}

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (doubt?: Error | boolean) => void
) => void

// After an error the server sends ReadyForQuery at once; a second covers a slow link.
const SETTLE_TIMEOUT_MS = 1000

// Sockets close by themselves when the server has read Terminate.
const SOCKET_CLOSE_GRACE_MS = 500

// Who was used a moment ago is alive. Source: pgx, which pings after a second.
const TRUST_MS = 1000

// The answer of Neon's proxy takes one round trip, whatever the compute does.
const PING_TIMEOUT_MS = 2000

// The upgrade does not wait for the compute, so a lost packet must not cost the whole budget.
const HANDSHAKE_PART = 3

export class NeonPool extends Pool {
  readonly #admission: Admission
  readonly #connector: Connector<NeonClient>
  readonly #stock: Stock
  readonly #sockets: SocketRegister
  readonly #limits: PoolLimits
  readonly #held = new Set<NeonClient>()
  readonly #listeners = new Set<PoolListener>()
  readonly #counters = createCounters()
  #onReturn = () => {}
  #ended: Promise<void> | undefined

  constructor(options: NeonPoolOptions) {
    const { url, applicationName, password, max, connectTimeoutMs, heartbeatIntervalMs } = options
    const settings = { application_name: applicationName, max, query_timeout: options.statementTimeoutMs }
    super(clientConfig(url, settings, password))
    const sockets = createSocketRegister({
      handshakeTimeoutMs: Math.ceil(connectTimeoutMs / HANDSHAKE_PART),
      secure: url.secure,
      heartbeatIntervalMs
    })
    // The option of this name is ignored: a class field of the driver overwrites it.
    this.Client = class extends NeonClient {
      constructor(config: ConstructorParameters<typeof NeonClient>[0]) {
        super(config, { url, sockets })
      }
    }
    this.#limits = options
    this.#sockets = sockets
    this.#admission = createAdmission({
      permits: max,
      maxWaiting: options.maxWaiting,
      timeoutMs: options.checkoutTimeoutMs
    })
    this.#stock = createStock({ ...options, close: client => this.#retire(client) })
    this.#connector = createConnector({
      connect: signal => this.#open(signal),
      open: () => this.#stock.size,
      max,
      budgetMs: connectTimeoutMs,
      onConnected: (client, durationMs) => this.#takeIn(client, durationMs),
      onRetry: (failure, delayMs) => this.report({ type: 'connect-retried', failure, delayMs }),
      onSurplus: client => this.#putBack(client)
    })
    // The driver's own count is of queues that stay empty here.
    Object.defineProperties(this, {
      totalCount: { get: () => this.#stock.size + this.#connector.connecting },
      idleCount: { get: () => this.#stock.free },
      waitingCount: { get: () => this.#admission.waiting }
    })
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

  /** Calls `listener`, which must not throw, for each event until the returned function is called. */
  observe(listener: PoolListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** For what is built on the pool, such as transactions. */
  report(event: PoolEvent): void {
    this.#counters.count(event)
    for (const listener of this.#listeners) listener(event)
  }

  stats(): PoolStats {
    return {
      total: this.totalCount,
      idle: this.idleCount,
      held: this.#held.size,
      waiting: this.waitingCount,
      ...this.#counters.read()
    }
  }

  override connect(): Promise<PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const checkout = this.checkout()
    if (!callback) return checkout
    checkout.then(
      client => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, ignore)
    )
    return undefined
  }

  /** As `connect`, with a signal that gives up the wait. */
  checkout({ signal }: CheckoutOptions = {}): Promise<PoolClient> {
    // Here and not later, where the caller is no longer on the stack.
    return this.#checkout(new Error('taken'), signal)
  }

  /** Waits for clients that are out, closes all, and resolves in bounded time. Every call gets the same promise. */
  override end(): Promise<void>
  override end(callback: () => void): void
  override end(callback?: () => void): Promise<void> | undefined {
    this.#ended ??= this.#end()
    if (!callback) return this.#ended
    this.#ended.then(callback)
    return undefined
  }

  async #checkout(place: Error, signal: AbortSignal | undefined): Promise<PoolClient> {
    const startedAt = performance.now()
    const giveBackPermit = await this.#admit(signal)
    try {
      const client = await this.#freeClient(signal)
      this.report({ type: 'checked-out', waitedMs: performance.now() - startedAt })
      return this.#lend(client, giveBackPermit, place)
    } catch (error) {
      giveBackPermit()
      throw error
    }
  }

  async #admit(signal: AbortSignal | undefined) {
    try {
      return await this.#admission.acquire(signal)
    } catch (error) {
      const failure = toFailure(error, 'connect')
      if (failure.kind === 'exhausted') this.report({ type: 'checkout-refused', failure })
      throw failure
    }
  }

  /** A free client that is alive, or a new one. */
  async #freeClient(signal: AbortSignal | undefined): Promise<NeonClient> {
    while (!this.#ended) {
      const free = this.#stock.take()
      if (free === undefined) return this.#nextClient(signal)
      const { client, idleMs } = free
      if (idleMs < TRUST_MS ? client.isLinked : await this.#isAlive(client)) {
        if (!signal?.aborted) return client
        this.#putBack(client)
        throw failureOfAbort(signal)
      }
      this.#discard(client)
    }
    throw new DatabaseFailure('closed')
  }

  async #nextClient(signal: AbortSignal | undefined): Promise<NeonClient> {
    try {
      return await this.#connector.next(signal)
    } catch (error) {
      const failure = toFailure(error, 'connect')
      if (failure.kind !== 'closed' && !signal?.aborted) this.report({ type: 'connect-failed', failure })
      throw failure
    }
  }

  /** Without a round trip, unless the heartbeat has not run either, as after a sleep of the machine. */
  async #isAlive(client: NeonClient): Promise<boolean> {
    // What the kernel already knows of the link is heard in one whole turn of the event loop.
    await nextTurn()
    await nextTurn()
    if (!client.isLinked) return false
    const ping = client.answersPing(PING_TIMEOUT_MS)
    // Otherwise the ping flies ahead of the statement, and ends the link under it when nothing comes back.
    return client.silentMs > 2 * this.#limits.heartbeatIntervalMs ? ping : true
  }

  /** One try to connect. */
  async #open(signal: AbortSignal): Promise<NeonClient> {
    const client = new this.Client(this.options)
    if (!(client instanceof NeonClient)) throw new TypeError('the Client of the pool is not one of its own')
    const kill = () => client.kill()
    signal.addEventListener('abort', kill, { once: true })
    try {
      await client.connect()
      return client
    } finally {
      signal.removeEventListener('abort', kill)
    }
  }

  #takeIn(client: NeonClient, durationMs: number) {
    this.#stock.add(client)
    client.on('error', (error: unknown) => this.#lose(client, error))
    this.report({ type: 'connected', durationMs })
    this.emit('connect', client)
  }

  /** Gives out a client whose `release` may be called twice and never returns a client in doubt to the pool. */
  #lend(client: NeonClient, giveBackPermit: () => void, place: Error): PoolClient {
    const { holdWarningMs: heldMs } = this.#limits
    const warning = setTimeout(
      () => this.report({ type: 'client-held', heldMs, place: framesOf(place) }),
      heldMs
    ).unref()
    let isLent = true
    const takeBack = (isClean: boolean) => {
      this.#held.delete(client)
      this.emit('release', undefined, client)
      if (isClean) this.#putBack(client)
      else this.#discard(client)
      // After the client, so that who gets the permit finds it, or its place, free.
      giveBackPermit()
      this.#onReturn()
    }
    const release = (doubt?: Error | boolean) => {
      if (!isLent) return
      isLent = false
      clearTimeout(warning)
      const isClean = isOutOfDoubt(doubt) && client.isClean(SETTLE_TIMEOUT_MS)
      if (typeof isClean === 'boolean') takeBack(isClean)
      else isClean.then(takeBack)
    }
    this.#held.add(client)
    this.emit('acquire', client)
    return Object.assign(client, { release })
  }

  /** To who waits for a connection, or to the free ones; away with it when it has become too old meanwhile. */
  #putBack(client: NeonClient) {
    if (this.#ended || this.#stock.isStale(client)) this.#discard(client)
    else if (!this.#connector.offer(client)) this.#stock.put(client)
  }

  #discard(client: NeonClient) {
    if (!this.#stock.remove(client)) return
    if (!client.isBusy) return this.#retire(client)
    if (client.isLinked) this.report({ type: 'statement-cancelled' })
    client.cancelAndKill()
    this.emit('remove', client)
  }

  /** A word of goodbye, and the socket closed soon after. */
  #retire(client: NeonClient) {
    client.end()
    this.emit('remove', client)
  }

  /** The loss of one says that the compute or the way to it went away, and with it all that were connected before. */
  #lose(client: NeonClient, error: unknown) {
    // One that was given up, or evicted, tells nothing of those that came after it.
    if (this.#stock.isStale(client)) return this.#discardFree(client)
    const failure = toFailure(error, 'statement')
    this.#stock.evict(client)
    this.#discardFree(client)
    if (this.#held.has(client)) this.report({ type: 'held-client-lost', failure })
    else {
      this.report({ type: 'idle-client-lost', failure })
      this.emit('error', error, client)
    }
    const count = this.#stock.evictAll()
    if (count > 0) this.report({ type: 'clients-evicted', count })
  }

  /** A held one stays in its holder's place until it comes back. */
  #discardFree(client: NeonClient) {
    if (!this.#held.has(client)) this.#discard(client)
  }

  async #end() {
    this.#admission.close()
    this.#connector.close()
    await nextTurn()
    this.#stock.evictAll()
    await within(this.#limits.endTimeoutMs, this.#allReturned())
    await closeSockets(this.#sockets.open, SOCKET_CLOSE_GRACE_MS)
  }

  async #allReturned() {
    while (this.#held.size > 0)
      await new Promise<void>(resolve => {
        this.#onReturn = resolve
      })
  }
}

function ignore() {}

/** An error that the server answered leaves the connection usable: the driver's pool would throw it away. */
function isOutOfDoubt(doubt: Error | boolean | undefined) {
  // The driver passes null after a success.
  return !doubt || isAnswerOfServer(doubt)
}

function framesOf({ stack = '' }: Error): string {
  return stack.slice(stack.indexOf('\n') + 1)
}
