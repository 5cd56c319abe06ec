/**
 * Where clients come from and go to: free ones that are alive, new ones, and the end of those that
 * are in doubt, too old, or as old as one that was lost.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { failureOfAbort, onAbort } from './abort.ts'
import type { NeonClient } from './client.ts'
import { createConnector } from './connector.ts'
import { DatabaseFailure, toFailure } from './failure.ts'
import { inEitherManner } from './login.ts'
import type { PoolListener } from './pool-events.ts'
import type { PoolLimits } from './pool-limits.ts'
import { createStock } from './stock.ts'

export interface AlivenessLimits {
  /** Who was idle for less is taken for alive, in ms. @default 1000, as pgx, which pings who was idle for longer */
  trustMs?: number
  /** Longest wait for the answer to a ping at a checkout, in ms. @default 2000: Neon's proxy answers in one round trip, whatever the compute does */
  pingTimeoutMs?: number
}

export interface SupplyOptions {
  limits: PoolLimits & AlivenessLimits
  createClient: () => NeonClient
  isHeld: (client: NeonClient) => boolean
  report: PoolListener
  onConnected: (client: NeonClient) => void
  onRemoved: (client: NeonClient) => void
  /** Nobody had it. */
  onFreeLost: (error: unknown, client: NeonClient) => void
}

export interface Supply {
  /** A free client that is alive, or a new one. */
  take(signal?: AbortSignal): Promise<NeonClient>
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

export function createSupply(options: SupplyOptions): Supply {
  const { limits, isHeld, report, onRemoved } = options
  const { trustMs = TRUST_MS, pingTimeoutMs = PING_TIMEOUT_MS } = limits
  const stock = createStock({ ...limits, close: retire })
  const connector = createConnector({
    connect: signal => inEitherManner(() => login(signal)),
    open: () => stock.size,
    max: limits.max,
    budgetMs: limits.connectTimeoutMs,
    onConnected: takeIn,
    onRetry: (failure, delayMs) => report({ type: 'connect-retried', failure, delayMs }),
    onSurplus: putBack
  })
  let isClosed = false

  return {
    async take(signal) {
      while (!isClosed) {
        const free = stock.take()
        if (free === undefined) return next(signal)
        const { client, idleMs } = free
        if (idleMs < trustMs ? client.isLinked : await isAlive(client)) {
          if (!signal?.aborted) return client
          putBack(client)
          throw failureOfAbort(signal)
        }
        discard(client)
      }
      throw new DatabaseFailure('closed')
    },
    giveBack(client, isClean) {
      if (isClean) putBack(client)
      else discard(client)
    },
    isUsable: client => client.isLinked && !isClosed && !stock.isStale(client),
    close() {
      isClosed = true
      connector.close()
    },
    retireAll: () => stock.evictAll(),
    get total() {
      return stock.size + connector.connecting
    },
    get free() {
      return stock.free
    }
  }

  async function next(signal: AbortSignal | undefined): Promise<NeonClient> {
    try {
      return await connector.next(signal)
    } catch (error) {
      const failure = toFailure(error, 'connect')
      if (failure.kind !== 'closed' && !signal?.aborted) report({ type: 'connect-failed', failure })
      throw failure
    }
  }

  /** Without a round trip, unless the heartbeat has not run either, as after a sleep of the machine. */
  async function isAlive(client: NeonClient): Promise<boolean> {
    // What the kernel already knows of the link is heard in one whole turn of the event loop.
    await nextTurn()
    await nextTurn()
    if (!client.isLinked) return false
    const ping = client.answersPing(pingTimeoutMs)
    // Otherwise the ping flies ahead of the statement, and ends the link under it when nothing comes back.
    return client.silentMs > 2 * limits.heartbeatIntervalMs ? ping : true
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
    report({ type: 'connected', durationMs })
    options.onConnected(client)
  }

  /** To who waits for a connection, or to the free ones; away with it when it has become too old meanwhile. */
  function putBack(client: NeonClient) {
    if (isClosed || stock.isStale(client)) discard(client)
    else if (!connector.offer(client)) stock.put(client)
  }

  function discard(client: NeonClient) {
    if (!stock.remove(client)) return
    if (!client.isBusy) return retire(client)
    // A COMMIT that is cancelled while it is being replicated shows, and may yet be lost. PostgreSQL, syncrep.c.
    if (client.lastCommand === 'COMMIT') giveUpCommit(client)
    else cancel(client)
    onRemoved(client)
  }

  function giveUpCommit(client: NeonClient) {
    if (client.isLinked) report({ type: 'statement-unanswered' })
    client.kill()
  }

  /** A link that is broken has been reported as lost. */
  async function cancel(client: NeonClient) {
    const wasLinked = client.isLinked
    if (wasLinked) report({ type: 'statement-cancelled' })
    const isAnswered = await client.cancelAndKill()
    if (wasLinked && !isAnswered) report({ type: 'statement-unanswered' })
  }

  /** A word of goodbye, and the socket closed soon after. */
  function retire(client: NeonClient) {
    client.end()
    onRemoved(client)
  }

  /** The loss of one says that the compute or the way to it went away, and with it all that were connected before. */
  function lose(client: NeonClient, error: unknown) {
    // One that was given up, or evicted, tells nothing of those that came after it.
    if (stock.isStale(client)) return discardUnheld(client)
    const failure = toFailure(error, 'statement')
    stock.evict(client)
    discardUnheld(client)
    if (isHeld(client)) report({ type: 'held-client-lost', failure })
    else {
      report({ type: 'idle-client-lost', failure })
      options.onFreeLost(error, client)
    }
    const count = stock.evictAll()
    if (count > 0) report({ type: 'clients-evicted', count })
  }

  /** A held one stays in its holder's place until it comes back. */
  function discardUnheld(client: NeonClient) {
    if (!isHeld(client)) discard(client)
  }
}
