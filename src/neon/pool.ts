/**
 * The pool: the driver's Pool with an admission queue of its own, a release that
 * only ever returns a clean client, and an end that always ends.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Pool, type PoolClient } from '@neondatabase/serverless'
import { OptionInvalidError } from '../errors.ts'
import { type Admission, createAdmission } from './admission.ts'
import { clientConfig, NeonClient } from './client.ts'
import type { ConnectionUrl } from './connection-url.ts'
import { within } from './deadline.ts'
import { DatabaseFailure, isAnswerOfServer, toFailure } from './failure.ts'
import { printAs } from './printed.ts'
import { closeSockets, createSocketRegister, type SocketRegister } from './socket.ts'

export interface PoolLimits {
  /** Most connections at once. @default 10 */
  max: number
  /** Longest queue for a client; who comes after is refused at once. @default 1000 */
  maxWaiting: number
  /** Longest wait in that queue, in ms. @default 10 000 */
  checkoutTimeoutMs: number
  /** Longest time for a new connection, from DNS to ReadyForQuery, in ms. A compute that wakes is in it. @default 15 000 */
  connectTimeoutMs: number
  /** Longest wait for the answer to one statement, in ms. @default 10 000 */
  statementTimeoutMs: number
  /** An idle connection is closed after this time, in ms. @default 60 000 */
  idleTimeoutMs: number
  /** A connection is closed when it is this old and free, in ms. @default 1 200 000 */
  maxLifetimeMs: number
  /** Longest time that `end()` waits for clients that are checked out, in ms. @default 5 000 */
  endTimeoutMs: number
}

export const POOL_DEFAULTS: PoolLimits = {
  // The smallest compute takes 97 sessions on its direct host: room for nine replicas.
  // Source: Neon docs, "Connection pooling", max_connections by compute size.
  max: 10,
  maxWaiting: 1000,
  checkoutTimeoutMs: 10_000,
  // Neon's proxy itself tries a wake for about 7 s and a connect for about 6 s.
  // Source: neondatabase/neon, proxy/src/config.rs.
  connectTimeoutMs: 15_000,
  statementTimeoutMs: 10_000,
  // Below the 5 minutes after which Neon suspends, so that idle connections end
  // here and not there.
  idleTimeoutMs: 60_000,
  maxLifetimeMs: 20 * 60_000,
  endTimeoutMs: 5000
}

// What a timer of Node.js takes.
const MAX_LIMIT = 2 ** 31 - 1

/** The defaults with what is given in their place. Throws FST_NEON_OPTION_INVALID for what no pool can work with. */
export function poolLimits(given: Partial<PoolLimits>): PoolLimits {
  const limits = { ...POOL_DEFAULTS, ...withoutUndefined(given) }
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) continue
    throw new OptionInvalidError(`${name} must be a whole number from 1 to ${MAX_LIMIT}`)
  }
  return limits
}

function withoutUndefined(given: Partial<PoolLimits>): Partial<PoolLimits> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export interface NeonPoolOptions extends PoolLimits {
  url: ConnectionUrl
  /** Shown in `pg_stat_activity`. */
  applicationName: string
}

/** What the pool has seen of the database, for logs and health. */
export type PoolEvent =
  | { type: 'connected' }
  | { type: 'connect-failed'; failure: DatabaseFailure }
  /** A client that nobody held was closed from the other side, as Neon does when it suspends. */
  | { type: 'idle-client-lost'; failure: DatabaseFailure }

export type PoolListener = (event: PoolEvent) => void

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (doubt?: Error | boolean) => void
) => void

// After an error the server sends ReadyForQuery at once; a second covers a slow link.
const SETTLE_TIMEOUT_MS = 1000

// Sockets close by themselves when the server has read Terminate.
const SOCKET_CLOSE_GRACE_MS = 500

const MS_PER_SECOND = 1000

export class NeonPool extends Pool {
  readonly #admission: Admission
  readonly #sockets: SocketRegister
  readonly #endTimeoutMs: number
  readonly #listeners = new Set<PoolListener>()
  #ended: Promise<void> | undefined

  constructor(options: NeonPoolOptions) {
    const { url, max, maxWaiting, checkoutTimeoutMs, connectTimeoutMs } = options
    super(
      clientConfig(url, {
        application_name: options.applicationName,
        max,
        connectionTimeoutMillis: connectTimeoutMs,
        query_timeout: options.statementTimeoutMs,
        idleTimeoutMillis: options.idleTimeoutMs,
        maxLifetimeSeconds: options.maxLifetimeMs / MS_PER_SECOND
      })
    )
    const sockets = createSocketRegister({ handshakeTimeoutMs: connectTimeoutMs, secure: url.secure })
    // The option of this name is ignored: a class field of the driver overwrites it.
    this.Client = class extends NeonClient {
      constructor(config: ConstructorParameters<typeof NeonClient>[0]) {
        super(config, { url, sockets })
      }
    }
    this.#sockets = sockets
    this.#endTimeoutMs = options.endTimeoutMs
    this.#admission = createAdmission({ permits: max, maxWaiting, timeoutMs: checkoutTimeoutMs })
    // pg-pool would count its own queue, which stays empty behind the admission.
    Object.defineProperty(this, 'waitingCount', { get: () => this.#admission.waiting })
    printAs(this, () => ({
      type: 'NeonPool',
      max,
      total: this.totalCount,
      idle: this.idleCount,
      waiting: this.waitingCount
    }))
    this.on('connect', () => this.#report({ type: 'connected' }))
    // Without a listener the loss of an idle client is an uncaught exception.
    this.on('error', (error: unknown) => {
      this.#report({ type: 'idle-client-lost', failure: toFailure(error, 'statement') })
    })
  }

  /** Calls `listener` for each event until the returned function is called. */
  observe(listener: PoolListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  override connect(): Promise<PoolClient>
  override connect(callback: ConnectCallback): void
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const checkout = this.#checkout()
    if (!callback) return checkout
    checkout.then(
      client => callback(undefined, client, client.release),
      (error: Error) => callback(error, undefined, ignore)
    )
    return undefined
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

  async #checkout(): Promise<PoolClient> {
    const giveBackPermit = await this.#admission.acquire()
    if (this.#ended) {
      giveBackPermit()
      throw new DatabaseFailure('closed')
    }
    try {
      return this.#lend(await super.connect(), giveBackPermit)
    } catch (error) {
      giveBackPermit()
      const failure = toFailure(error, 'connect')
      this.#report({ type: 'connect-failed', failure })
      throw failure
    }
  }

  /** Gives out a client whose `release` may be called twice and never returns a client in doubt to the pool. */
  #lend(client: PoolClient, giveBackPermit: () => void): PoolClient {
    const release = client.release
    let isLent = true
    client.release = doubt => {
      if (!isLent) return
      isLent = false
      const clean = isOutOfDoubt(doubt) && client instanceof NeonClient && client.isClean(SETTLE_TIMEOUT_MS)
      if (typeof clean === 'boolean') takeBack(clean)
      else clean.then(takeBack)
    }
    return client

    function takeBack(clean: boolean) {
      // Before the permit, so that who gets it finds the place free.
      release(!clean)
      giveBackPermit()
    }
  }

  async #end() {
    this.#admission.close()
    // pg-pool forgets a checkout that it has queued for the next tick.
    await nextTurn()
    await within(this.#endTimeoutMs, super.end())
    await closeSockets(this.#sockets.open, SOCKET_CLOSE_GRACE_MS)
  }

  #report(event: PoolEvent) {
    for (const listener of this.#listeners) listener(event)
  }
}

function ignore() {}

/** An error that the server answered leaves the connection usable: pg-pool would throw it away. */
function isOutOfDoubt(doubt: Error | boolean | undefined) {
  // pg-pool passes null after a success.
  return !doubt || isAnswerOfServer(doubt)
}
