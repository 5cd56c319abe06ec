/**
 * Makes connections for those who need one: a single try at first, more side by side once one has
 * succeeded, with pauses after a failure and within one limit of time, and never again for what cannot heal.
 */
import { setMaxListeners } from 'node:events'
import { type Abortable, failureOfAbort, onAbort } from '../../errors/abort.ts'
import { DatabaseFailure, toFailure } from '../../errors/failure.ts'
import { backoffMs } from '../../runtime/backoff.ts'
import { type Clock, SYSTEM_CLOCK } from '../../runtime/clock.ts'
import { createWaitQueue } from '../wait-queue.ts'

export interface ConnectorOptions<Client> {
  /** One try. Settles soon after the signal is aborted. */
  connect: (signal: AbortSignal) => Promise<Client>
  /** How many connections there are, and how many there may be; those under way are not in it. */
  open: () => number
  max: number
  /** Longest wait of each who asks, and of each try, in ms. */
  budgetMs: number
  /** How long tries may fail until all who wait are refused, in ms. @default `budgetMs` */
  patienceMs?: number | undefined
  /** Before anybody gets it. */
  onConnected: (client: Client, durationMs: number) => void
  onRetry: (failure: DatabaseFailure, delayMs: number) => void
  /** A new connection that nobody waits for any more. */
  onSurplus: (client: Client) => void
  clock?: Clock
  /** From 0 to below 1. @default Math.random */
  random?: () => number
}

export interface Connector<Client> {
  /** The next connection that there is: a new one, or one that comes free before. */
  next(signal?: Abortable): Promise<Client>
  /** There are fewer open connections than before. */
  noteRoom(): void
  /** True when somebody who waits for a connection took this one. */
  offer(client: Client): boolean
  /** Ends the tries and refuses all who wait and all who come later. */
  close(): void
  readonly connecting: number
}

const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5000

// A refusal is fixed by a person; until then one login a second is enough.
const REFUSAL_PAUSE_MS = 1000

export function createConnector<Client>(options: ConnectorOptions<Client>): Connector<Client> {
  const { connect, open, max, budgetMs, patienceMs = budgetMs, clock = SYSTEM_CLOCK } = options
  const waiting = createWaitQueue<Client>({ timeoutMs: budgetMs, onTimeout: () => again(lastFailure), clock })
  const closing = new AbortController()
  // One for each try, of which there are as many as the pool has clients.
  setMaxListeners(0, closing.signal)
  let connecting = 0
  // Doubles with each success, as TCP's slow start does, so that nobody storms a database that has just come back.
  let width = 1
  let failures = 0
  let failingSince = 0
  let lastFailure: DatabaseFailure | undefined
  let endPause: (() => void) | undefined

  return {
    async next(signal) {
      if (closing.signal.aborted) throw new DatabaseFailure('closed')
      if (signal?.aborted) throw failureOfAbort(signal)
      if (endPause !== undefined && isHopeless()) throw again(lastFailure)
      const client = waiting.wait(signal)
      pump()
      return client
    },
    noteRoom: pump,
    offer: waiting.serve,
    close() {
      closing.abort()
      endPause?.()
      waiting.refuseAll(() => new DatabaseFailure('closed'))
    },
    get connecting() {
      return connecting
    }
  }

  /** Starts as many tries as there are people waiting, room for their connections, and reason to hope. */
  function pump() {
    if (open() === 0) width = 1
    const wanted = Math.min(waiting.size, width, max - open())
    while (connecting < wanted && endPause === undefined && !closing.signal.aborted) attempt()
  }

  async function attempt() {
    connecting += 1
    const startedAt = clock.now()
    const limit = new AbortController()
    const stopTimer = clock.after(budgetMs, () => limit.abort())
    const stopListening = onAbort(closing.signal, () => limit.abort())
    const outcome = await connect(limit.signal).then(
      client => ({ client }),
      (error: unknown) => ({ failure: toFailure(error, 'connect') })
    )
    stopTimer()
    stopListening()
    connecting -= 1
    if ('client' in outcome) succeed(outcome.client, clock.now() - startedAt)
    else fail(outcome.failure, startedAt)
    pump()
  }

  function succeed(client: Client, durationMs: number) {
    width *= 2
    failures = 0
    lastFailure = undefined
    options.onConnected(client, durationMs)
    if (!waiting.serve(client)) options.onSurplus(client)
  }

  function fail(failure: DatabaseFailure, startedAt: number) {
    width = 1
    lastFailure = failure
    // Tries that ran side by side fail together: that is one failure.
    if (endPause !== undefined || closing.signal.aborted) return
    failures += 1
    if (failures === 1) failingSince = startedAt
    const pauseMs = failure.retryable ? retryPauseMs() : REFUSAL_PAUSE_MS
    endPause = clock.after(pauseMs, () => {
      endPause = undefined
      pump()
    })
    if (isHopeless()) waiting.refuseAll(() => again(failure))
    else options.onRetry(failure, pauseMs)
  }

  function retryPauseMs() {
    return backoffMs({ firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, failures, random: options.random })
  }

  /**
   * A refusal, or an outage longer than anybody is to wait. Then who comes is served by the one try
   * after the pause, or told at once.
   */
  function isHopeless() {
    return lastFailure !== undefined && (!lastFailure.retryable || clock.now() - failingSince >= patienceMs)
  }
}

/** Each caller gets an error of its own, with the cause that all have in common. */
function again(failure: DatabaseFailure | undefined): DatabaseFailure {
  return new DatabaseFailure(failure?.kind ?? 'unreachable', {
    cause: failure?.original,
    sqlState: failure?.sqlState,
    reason: failure?.reason
  })
}
