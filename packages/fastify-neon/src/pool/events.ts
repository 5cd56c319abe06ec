/**
 * What the pool has seen, one event each, for logs, health and metrics; and the sum of them.
 */
import type { DatabaseFailure } from '../errors/failure.ts'
import { createWakes } from './wakes.ts'

export type CommitResult = 'committed' | 'rolled-back' | 'unknown'

export type PoolEvent =
  /** A new connection: the time of the try that made it; `isOnly` when the pool had no other. */
  | { type: 'connected'; durationMs: number; isOnly: boolean }
  /** A try failed, and another one follows. */
  | { type: 'connect-retried'; failure: DatabaseFailure; delayMs: number }
  /** A caller that needed a new connection got none. */
  | { type: 'connect-failed'; failure: DatabaseFailure }
  /** A client was checked out. */
  | { type: 'checked-out'; waitedMs: number }
  /** A caller got no client in time, or met a full queue. */
  | { type: 'checkout-refused'; failure: DatabaseFailure }
  /** The server closed an idle client, as Neon does when it suspends. */
  | { type: 'idle-client-lost'; failure: DatabaseFailure }
  /** The connection of a checked-out client broke; its caller gets the error. */
  | { type: 'checked-out-client-lost'; failure: DatabaseFailure }
  /** After a loss: clients as old as the lost one were closed. */
  | { type: 'clients-evicted'; count: number }
  /** A statement timed out or was aborted, and was cancelled on the server. */
  | { type: 'statement-cancelled' }
  /** A statement timed out, and its cancel was not acknowledged: the server or the network does not answer. */
  | { type: 'statement-unanswered' }
  /** A statement named a table, column, function, type, schema or role that does not exist or may not be used. */
  | { type: 'object-unusable'; sqlState: string }
  /** A client has been checked out for long; `place` is where. */
  | { type: 'long-checkout'; checkedOutMs: number; place: string }
  /** Reported once: names of prepared statements do not work here, so the pool stops using them. */
  | { type: 'names-given-up' }
  /** A connection was closed when it was released, because a statement left `change` on its session, such as SET or an advisory lock. */
  | { type: 'session-changed'; change: string }
  /** In the pool of a replica: a connection of the primary was used instead. */
  | { type: 'replica-fallback' }
  | { type: 'transaction-repeated'; failure: DatabaseFailure; delayMs: number }
  | { type: 'transaction-ended'; outcome: CommitResult; durationMs: number }

export type PoolListener = (event: PoolEvent) => void

/** Since the pool was made. Times are sums: divided by the count they are means, and a difference of two readings is a rate. */
export interface PoolCounters {
  connects: number
  connectMs: number
  connectRetries: number
  connectFailures: number
  /** Connections for which the compute woke, as far as a client can tell. */
  wakes: number
  checkouts: number
  checkoutWaitMs: number
  checkoutsRefused: number
  clientsLost: number
  clientsEvicted: number
  statementsCancelled: number
  statementsUnanswered: number
  longCheckouts: number
  transactionsCommitted: number
  transactionsRolledBack: number
  transactionsUnknown: number
  transactionRepeats: number
  /** Of the pool of a replica: statements and transactions that ran on the primary. */
  replicaFallbacks: number
}

export interface Counters {
  count: PoolListener
  read(): PoolCounters
  /** The next connection will wake the compute, as the server has said. */
  isAsleep(): boolean
}

/** `gapMs`: the silence before the last answer of the server, in ms. */
export function createCounters(gapMs: () => number): Counters {
  const counters: PoolCounters = {
    connects: 0,
    connectMs: 0,
    connectRetries: 0,
    connectFailures: 0,
    wakes: 0,
    checkouts: 0,
    checkoutWaitMs: 0,
    checkoutsRefused: 0,
    clientsLost: 0,
    clientsEvicted: 0,
    statementsCancelled: 0,
    statementsUnanswered: 0,
    longCheckouts: 0,
    transactionsCommitted: 0,
    transactionsRolledBack: 0,
    transactionsUnknown: 0,
    transactionRepeats: 0,
    replicaFallbacks: 0
  }
  const wakes = createWakes(gapMs)
  const outcomes = {
    committed: 'transactionsCommitted',
    'rolled-back': 'transactionsRolledBack',
    unknown: 'transactionsUnknown'
  } as const

  return { count, read: () => ({ ...counters }), isAsleep: () => wakes.isAsleep }

  function count(event: PoolEvent) {
    if (wakes.observe(event)) counters.wakes += 1
    switch (event.type) {
      case 'connected':
        counters.connects += 1
        counters.connectMs += event.durationMs
        break
      case 'connect-retried':
        counters.connectRetries += 1
        break
      case 'connect-failed':
        counters.connectFailures += 1
        break
      case 'checked-out':
        counters.checkouts += 1
        counters.checkoutWaitMs += event.waitedMs
        break
      case 'checkout-refused':
        counters.checkoutsRefused += 1
        break
      case 'idle-client-lost':
      case 'checked-out-client-lost':
        counters.clientsLost += 1
        break
      case 'clients-evicted':
        counters.clientsEvicted += event.count
        break
      case 'statement-cancelled':
        counters.statementsCancelled += 1
        break
      case 'statement-unanswered':
        counters.statementsUnanswered += 1
        break
      case 'long-checkout':
        counters.longCheckouts += 1
        break
      case 'transaction-repeated':
        counters.transactionRepeats += 1
        break
      case 'replica-fallback':
        counters.replicaFallbacks += 1
        break
      case 'transaction-ended':
        counters[outcomes[event.outcome]] += 1
        break
    }
  }
}
