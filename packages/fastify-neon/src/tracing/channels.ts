/**
 * What this package tells of its work while it is under way: tracing channels of `node:diagnostics_channel`. Without a
 * subscriber each costs one check. docs/how-to/traces.md says how to subscribe.
 */
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel'

/** In each message. When the work has ended, Node.js adds `error`, or `result` with what the work resolved with. */
export interface TracingMessage {
  /** The pool, such as `fastify.db.$client`. */
  readonly pool: object
  error?: unknown
  /** A subscriber of `start` sets it to run the work in a context of its own. */
  within?: <T>(work: () => T) => T
}

export interface StatementMessage extends TracingMessage {
  /** Without the values of parameters; literals in the text are in it. */
  readonly text: string
  /** 1, and one more each time that it is sent again. */
  readonly attempt: number
  /** The attempt before this one. */
  readonly previous: StatementMessage | undefined
  /** How many statements were sent on the same connection before it and are not answered yet. */
  readonly ahead: number
}

export interface TransactionMessage extends TracingMessage {
  /** 1, and one more each time that its work is run again. */
  attempt: number
  /** Once it has ended. */
  outcome?: 'committed' | 'rolled-back' | 'unknown'
}

export interface BatchMessage extends TransactionMessage {
  readonly texts: readonly string[]
}

/** One try to open a connection: TCP, TLS, WebSocket and login. */
export const CONNECT = channelOf('connect')
/** The wait for a connection of the pool, with the time of a new one. */
export const CHECKOUT = channelOf('checkout')
/** The wait for a connection while the compute sleeps, as far as a client can tell. */
export const WAKE = channelOf('wake')
/** One statement, from the call to its answer. Not of cursors and COPY streams. */
export const STATEMENT = channelOf<StatementMessage>('statement')
/** `transaction()`, with all repeats of its work. */
export const TRANSACTION = channelOf<TransactionMessage>('transaction')
/** `$batch()`, whose statements have no message each. */
export const BATCH = channelOf<BatchMessage>('batch')

function channelOf<M extends TracingMessage = TracingMessage>(name: string): TracingChannel<unknown, M> {
  return tracingChannel(`fastify-neon:${name}`)
}

/** Runs the work between the messages of a channel that has subscribers. */
export function traced<M extends TracingMessage, T>(
  channel: TracingChannel<unknown, M>,
  message: M,
  work: () => Promise<T>
): Promise<T> {
  return channel.tracePromise(() => (message.within ? message.within(work) : work()), message)
}
