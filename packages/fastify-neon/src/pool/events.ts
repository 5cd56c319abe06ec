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
  /** Somebody who needed a connection got none. */
  | { type: 'connect-failed'; failure: DatabaseFailure }
  /** Somebody got a client. */
  | { type: 'checked-out'; waitedMs: number }
  /** Nobody got a client in time, or the queue was full. */
  | { type: 'checkout-refused'; failure: DatabaseFailure }
  /** A client that nobody held was closed from the other side, as Neon does when it suspends. */
  | { type: 'idle-client-lost'; failure: DatabaseFailure }
  /** The connection of a client broke while somebody held it; the holder has the error. */
  | { type: 'checked-out-client-lost'; failure: DatabaseFailure }
  /** After a loss: clients as old as the lost one, which nobody is given any more. */
  | { type: 'clients-evicted'; count: number }
  /** A client was given up in the middle of a statement, which was cancelled on the server. */
  | { type: 'statement-cancelled' }
  /** Neither a statement at its deadline nor its end was answered: the server, or the way to it, is silent. */
  | { type: 'statement-unanswered' }
  /** The server does not know a table, column, function, type, schema or role that a statement names, or refuses its use. */
  | { type: 'object-unusable'; sqlState: string }
  /** A client has not come back for long; `place` is where it was taken. */
  | { type: 'long-checkout'; checkedOutMs: number; place: string }
  /** Said once: names of prepared statements do not survive here, so that from now on none has one. */
  | { type: 'names-given-up' }
  /** A connection was closed when it came back, since a statement had left `change` on its session, such as SET or an advisory lock. */
  | { type: 'session-changed'; change: string }
  /** Of the pool of a replica: a connection of the primary was taken in place of its own. */
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
