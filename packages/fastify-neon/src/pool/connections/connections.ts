/**
 * Where clients come from and go to: free ones that are alive, new ones, and the end of those that
 * are in doubt, too old, or as old as one that was lost and share its fate.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NeonClient } from '../../client/client.ts'
import { inEitherMode } from '../../client/eager-authentication.ts'
import { type Abortable, failureOfAbort, onAbort, unlessAborted } from '../../errors/abort.ts'
import { DatabaseFailure, toFailure } from '../../errors/failure.ts'
import { within } from '../../runtime/deadline.ts'
import { CONNECT, traced, WAKE } from '../../tracing/channels.ts'
import type { PoolListener } from '../events.ts'
import type { PoolLimits } from '../options.ts'
import { createConnector } from './connector.ts'
import { createIdleList } from './idle-list.ts'

export interface AlivenessLimits {
  /** A client that was heard of so shortly ago is not asked before it is used, in ms. @default 1000, as pgx */
  trustMs?: number
  /** Longest wait for the answer to a Sync at a checkout, in ms. @default 2000 */
  pingTimeoutMs?: number
  /** How long connects may fail until all who wait are refused, in ms. @default `connectTimeoutMs` */
  connectPatienceMs?: number
}

export interface ConnectionsOptions {
  /** Whose they are. */
  pool: object
  /** The compute sleeps, as far as is known. */
  isAsleep: () => boolean
  /** The clients share servers behind a pooler. */
  isPooled: boolean
  limits: PoolLimits & AlivenessLimits
  createClient: () => NeonClient
  isCheckedOut: (client: NeonClient) => boolean
  report: PoolListener
  onConnected: (client: NeonClient) => void
  onRemoved: (client: NeonClient) => void
  /** Nobody had it. */
  onFreeLost: (error: unknown, client: NeonClient) => void
}

export interface Connections {
  /** A free client that is alive, or a new one. */
  take(signal?: Abortable): Promise<NeonClient>
  /** A free client that was heard of so shortly ago that it is not asked. */
  takeNow(): NeonClient | undefined
  giveBack(client: NeonClient, isClean: boolean): void
  /** False for one that is given to nobody any more. */
  isUsable(client: NeonClient): boolean
  /** Refuses who waits and who comes later. */
  close(): void
  /** Ends the clients that are free, and the others when they come back. */
  retireAll(): void
  /** Connections, those under way included. */
  readonly total: number
  readonly free: number
}

const TRUST_MS = 1000
const PING_TIMEOUT_MS = 2000

// Behind a pooler: by default as long as a statement may wait for a server of it.
const POOLER_PATIENCE = 5

// Beside the way of the cancel: whoever waits for the place must not wait for a server that is silent.
const ENDING_MS = 500

// As long as a statement may take by default.
const COMMIT_PATIENCE_MS = 10_000

export function createConnections(options: ConnectionsOptions): Connections {
  const { pool, limits, isPooled, isCheckedOut, report, onRemoved } = options
  const { trustMs = TRUST_MS, pingTimeoutMs = PING_TIMEOUT_MS } = limits
  const stock = createIdleList({ ...limits, close: retire })
  const connector = createConnector({
    connect: signal =>
      CONNECT.hasSubscribers ? traced(CONNECT, { pool }, () => open(signal)) : open(signal),
    open: openCount,
    max: limits.max,
    budgetMs: limits.connectTimeoutMs,
    patienceMs: limits.connectPatienceMs,
    onConnected: takeIn,
    onRetry: (failure, delayMs) => report({ type: 'connect-retried', failure, delayMs }),
    onSurplus: putBack
  })
  let isClosed = false
  /** Given up, and still open, since their statement may run on the server. */
  let ending = 0
  /** Open, and their place is another's: those that wait for a server of a pooler. */
  let displaced = 0

  return {
    takeNow() {
      const { next } = stock
      return next && next.silentMs < trustMs && isUsable(next) ? stock.take() : undefined
    },
    async take(signal) {
      let hasDoubt = false
      while (!isClosed) {
        const client = stock.take()
        if (client === undefined) return next(signal)
        // After the first that is silent nobody waits for each in turn: all that are left are asked at once.
        if (client.silentMs >= trustMs && (hasDoubt || (await isSilent(client, signal)))) {
          doubt(client)
          hasDoubt = true
          continue
        }
        if (signal?.aborted) {
          putBack(client)
          throw failureOfAbort(signal)
        }
        // It may have been evicted while it was asked.
        if (isUsable(client)) return client
        discard(client)
      }
      throw new DatabaseFailure('closed')
    },
    giveBack(client, isClean) {
      if (isClean) return putBack(client)
      const { sessionChange } = client
      if (sessionChange && client.isConnected) report({ type: 'session-changed', change: sessionChange })
      discard(client)
    },
    isUsable,
    close() {
      isClosed = true
      connector.close()
    },
    retireAll: () => stock.evictAll(),
    get total() {
      return stock.size + ending + connector.connecting
    },
    get free() {
      return stock.free
    }
  }

  /** Connections that count against `max`, without those under way. */
  function openCount() {
    return stock.size + ending - displaced
  }

  async function next(signal: Abortable | undefined): Promise<NeonClient> {
    try {
      return await (WAKE.hasSubscribers && options.isAsleep()
        ? traced(WAKE, { pool }, () => connector.next(signal))
        : connector.next(signal))
    } catch (error) {
      const failure = toFailure(error, 'connect')
      if (failure.kind !== 'closed' && !signal?.aborted) report({ type: 'connect-failed', failure })
      throw failure
    }
  }

  function isUsable(client: NeonClient): boolean {
    return client.isConnected && !isClosed && !stock.isStale(client)
  }

  /** True for one that was asked in vain. Rejects when the signal is aborted before. */
  async function isSilent(client: NeonClient, signal: Abortable | undefined): Promise<boolean> {
    const asked = ask(client)
    if (signal === undefined) return asked
    try {
      return await unlessAborted(signal, asked)
    } catch (error) {
      settle(client, asked)
      throw error
    }
  }

  /** One whose loss the kernel knows already is not asked: that is heard of first. */
  async function ask(client: NeonClient): Promise<boolean> {
    await nextTurn()
    await nextTurn()
    return client.isConnected && !(await client.answersSync(pingTimeoutMs)) && client.isConnected
  }

  /** Who had it asked has gone, and nobody gets it before it has answered. */
  async function settle(client: NeonClient, asked: Promise<boolean>) {
    if (await asked) doubt(client)
    else putBack(client)
  }

  function doubt(client: NeonClient) {
    if (isPooled) setAside(client)
    else giveUp(client)
  }

  /** A Sync waits for a server of the pooler, as a statement does. Who waits takes what is there first: this one, or a new one. */
  async function setAside(client: NeonClient) {
    displaced += 1
    connector.noteRoom()
    const isAnswered = await client.answersSync(POOLER_PATIENCE * pingTimeoutMs)
    displaced -= 1
    if (isAnswered) putBack(client)
    else giveUp(client)
  }

  /** It was asked, and said nothing. */
  function giveUp(client: NeonClient) {
    client.kill()
    lose(client, new DatabaseFailure('lost'))
  }

  function open(signal: AbortSignal): Promise<NeonClient> {
    return inEitherMode(() => login(signal))
  }

  async function login(signal: AbortSignal): Promise<NeonClient> {
    const client = options.createClient()
    const stopListening = onAbort(signal, () => client.kill())
    try {
      await client.connect()
      return client
    } finally {
      stopListening()
    }
  }

  function takeIn(client: NeonClient, durationMs: number) {
    stock.add(client)
    client.on('error', (error: unknown) => lose(client, error))
    report({ type: 'connected', durationMs, isOnly: stock.size === 1 })
    options.onConnected(client)
  }

  /**
   * To who waits for a connection, or to the free ones; away with it when it has become too old meanwhile, or was
   * replaced: one that was set aside comes back, and so does what was made in its place.
   */
  function putBack(client: NeonClient) {
    if (!isUsable(client)) discard(client)
    else if (connector.offer(client)) return
    else if (openCount() > limits.max) discard(client)
    else stock.put(client)
  }

  function discard(client: NeonClient) {
    if (!stock.remove(client)) return
    if (!client.isBusy) return retire(client)
    // A COMMIT that is cancelled while it is being replicated shows, and may yet be lost. PostgreSQL, syncrep.c.
    // It keeps its place all that time: what holds up one COMMIT holds up all, and each would get a second session.
    if (client.lastCommand === 'COMMIT') holdPlace(giveUpCommit(client), COMMIT_PATIENCE_MS)
    else holdPlace(cancel(client), ENDING_MS + client.cancelWayMs)
    onRemoved(client)
  }

  /** So that `max` bounds the sessions on a server that answers. */
  async function holdPlace(end: Promise<void>, timeoutMs: number) {
    ending += 1
    await within(timeoutMs, end)
    ending -= 1
    connector.noteRoom()
  }

  /** Neon's proxy cancels what runs when its client disconnects, so the connection stays until the answer, or for a while. */
  async function giveUpCommit(client: NeonClient) {
    if (client.isConnected) report({ type: 'statement-unanswered' })
    await client.answered(COMMIT_PATIENCE_MS)
    client.kill()
  }

  /** A connection that is broken has been reported as lost. */
  async function cancel(client: NeonClient) {
    const wasConnected = client.isConnected
    if (wasConnected) report({ type: 'statement-cancelled' })
    const isAnswered = await client.cancelAndKill()
    if (wasConnected && !isAnswered) report({ type: 'statement-unanswered' })
  }

  /** A word of goodbye, and the socket closed soon after. */
  function retire(client: NeonClient) {
    client.end()
    onRemoved(client)
    connector.noteRoom()
  }

  /**
   * The loss of one says that the compute or the way to it went away, and with it all that were connected before; but
   * behind a pooler, which goes on when one server connection is lost. There each is asked before it is used.
   */
  function lose(client: NeonClient, error: unknown) {
    // One that was given up, or evicted, tells nothing of those that came after it.
    if (stock.isStale(client)) return discardIdle(client)
    const failure = toFailure(error, 'statement')
    stock.evict(client)
    discardIdle(client)
    if (isCheckedOut(client)) report({ type: 'checked-out-client-lost', failure })
    else {
      report({ type: 'idle-client-lost', failure })
      options.onFreeLost(error, client)
    }
    const count = isPooled ? 0 : stock.evictAll()
    if (count > 0) report({ type: 'clients-evicted', count })
  }

  /** A held one stays in its holder's place until it comes back. */
  function discardIdle(client: NeonClient) {
    if (!isCheckedOut(client)) discard(client)
  }
}
