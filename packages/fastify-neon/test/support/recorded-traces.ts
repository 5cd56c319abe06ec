/**
 * What the tracing channels tell of one pool, from now to the end of the test.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TracingChannel } from 'node:diagnostics_channel'
import type { Test } from 'tap'
import {
  BATCH,
  type BatchMessage,
  CHECKOUT,
  CONNECT,
  STATEMENT,
  type StatementMessage,
  TRANSACTION,
  type TracingMessage,
  type TransactionMessage,
  WAKE
} from '../../src/tracing/channels.ts'

/** Who called. */
export const caller = new AsyncLocalStorage<string>()

export interface Told<M = TracingMessage> {
  message: M
  /** Where `start` was told. */
  caller: string | undefined
  hasEnded: boolean
}

export function recordTraces(t: Pick<Test, 'teardown'>, pool: object) {
  /** In order, such as `statement begins`. */
  const steps: string[] = []

  return {
    steps,
    connects: of(CONNECT, 'connect'),
    checkouts: of(CHECKOUT, 'checkout'),
    wakes: of(WAKE, 'wake'),
    statements: of<StatementMessage>(STATEMENT, 'statement'),
    transactions: of<TransactionMessage>(TRANSACTION, 'transaction'),
    batches: of<BatchMessage>(BATCH, 'batch')
  }

  function of<M extends TracingMessage>(channel: TracingChannel<unknown, M>, name: string): Told<M>[] {
    const told: Told<M>[] = []
    const subscribers = {
      start(message: M) {
        if (message.pool !== pool) return
        steps.push(`${name} begins`)
        told.push({ message, caller: caller.getStore(), hasEnded: false })
      },
      end() {},
      asyncStart() {},
      asyncEnd(message: M) {
        const found = told.find(each => each.message === message)
        if (!found) return
        found.hasEnded = true
        steps.push(`${name} ${message.error === undefined ? 'ends' : 'fails'}`)
      },
      error() {}
    }
    channel.subscribe(subscribers)
    t.teardown(() => channel.unsubscribe(subscribers))
    return told
  }
}
