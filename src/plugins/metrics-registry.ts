/**
 * The metrics, by Prometheus's conventions: seconds, `_total` for what only grows, labels of a few fixed
 * values. No label holds a user, a URL or a statement. docs/metrics.md lists them; a test compares the two.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { DATABASE_STATES } from '../health/database.ts'
import { PROCESS_STATES } from '../health/process.ts'
import { READINESS } from '../health/snapshot.ts'
import type { NeonPool, PoolCounters, PoolEvent } from '../neon/pool.ts'
import type { Health } from './health.ts'

export interface MetricsSources {
  pool: NeonPool
  health: Health
}

export interface RequestFacts {
  method: string
  /** The template, such as `/tasks/:id`. */
  route: string
  statusCode: number
  durationMs: number
}

export interface Metrics {
  registry: Registry
  onPoolEvent(event: PoolEvent): void
  onRequest(facts: RequestFacts): void
}

const SECOND_MS = 1000

// From a free client to the longest wait for one.
const CHECKOUT_BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
// From a warm proxy nearby to the longest wait for a compute that wakes.
const CONNECT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]
// From one statement in memory to its deadline.
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Name after `fastify_neon_`, what it counts, and where the pool counts it. */
const COUNTERS: [name: string, help: string, counter: keyof PoolCounters][] = [
  ['pool_checkouts_total', 'Clients that were given out', 'checkouts'],
  [
    'pool_checkout_timeouts_total',
    'Callers that got no client in time, or met a full queue',
    'checkoutsRefused'
  ],
  [
    'pool_connect_retries_total',
    'Tries to connect that failed and were followed by another',
    'connectRetries'
  ],
  ['pool_connect_failures_total', 'Callers that needed a connection and got none', 'connectFailures'],
  ['pool_clients_lost_total', 'Connections that the other end or the network closed', 'clientsLost'],
  [
    'pool_clients_evicted_total',
    'Connections that were closed because one as old as they was lost',
    'clientsEvicted'
  ],
  [
    'statement_timeouts_total',
    'Statements that were given up and cancelled on the server',
    'statementsCancelled'
  ],
  [
    'statement_silences_total',
    'Statements given up of which neither they nor their end was answered',
    'statementsUnanswered'
  ],
  ['wakes_total', 'Connections for which the compute woke, as far as a client can tell', 'wakes'],
  ['transaction_retries_total', 'Transactions that were run again', 'transactionRepeats']
]

export function createMetrics({ pool, health }: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]

  states('health_process', 'State of the process', PROCESS_STATES, () => health.state().process)
  states('health_database', 'State of the database', DATABASE_STATES, () => health.state().database.state)
  states('health_readiness', 'What readiness answers', READINESS, () => health.state().readiness)
  gauge('health_database_last_success_age_seconds', 'Since the database last answered', () => {
    const { lastSuccessAgeMs } = health.state().database
    return lastSuccessAgeMs === undefined ? Number.NaN : lastSuccessAgeMs / SECOND_MS
  })
  counter('health_probes_total', 'Questions that health itself asked the database', 'outcome', () => ({
    ...health.probes
  }))
  gauge('pool_connections_max', 'Most connections', () => pool.stats().max)
  gauge('pool_connections', 'Connections, those under way included', () => pool.stats().total)
  gauge('pool_idle', 'Connections that are free', () => pool.stats().idle)
  gauge('pool_waiting', 'Callers that wait for a client', () => pool.stats().waiting)
  for (const [name, help, key] of COUNTERS) counter(name, help, undefined, () => ({ '': pool.stats()[key] }))
  counter('transactions_total', 'Transactions by how they ended', 'outcome', () => {
    const { transactionsCommitted, transactionsRolledBack, transactionsUnknown } = pool.stats()
    return {
      committed: transactionsCommitted,
      rolled_back: transactionsRolledBack,
      unknown: transactionsUnknown
    }
  })
  const checkout = histogram(
    'pool_checkout_seconds',
    'Wait for a client that was given out',
    CHECKOUT_BUCKETS
  )
  const connect = histogram('pool_connect_seconds', 'Time of a try that made a connection', CONNECT_BUCKETS)
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status_code'],
    buckets: REQUEST_BUCKETS,
    registers
  })

  return {
    registry,
    onPoolEvent(event) {
      if (event.type === 'checked-out') checkout.observe(event.waitedMs / SECOND_MS)
      if (event.type === 'connected') connect.observe(event.durationMs / SECOND_MS)
    },
    onRequest({ method, route, statusCode, durationMs }) {
      requests.observe({ method, route, status_code: statusCode }, durationMs / SECOND_MS)
    }
  }

  /** 1 for the state that is, 0 for the others. */
  function states(name: string, help: string, all: readonly string[], read: () => string) {
    new Gauge({
      name: prefixed(name),
      help: `${help}: 1 for the one that is`,
      labelNames: ['state'],
      registers,
      collect() {
        const current = read()
        for (const state of all) this.set({ state }, state === current ? 1 : 0)
      }
    })
  }

  function gauge(name: string, help: string, read: () => number) {
    new Gauge({
      name: prefixed(name),
      help,
      registers,
      collect() {
        this.set(read())
      }
    })
  }

  /** The pool and health count; here it is only told. */
  function counter(
    name: string,
    help: string,
    label: string | undefined,
    read: () => Record<string, number>
  ) {
    new Counter({
      name: prefixed(name),
      help,
      labelNames: label === undefined ? [] : [label],
      registers,
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(read()))
          this.inc(label === undefined ? {} : { [label]: value }, count)
      }
    })
  }

  function histogram(name: string, help: string, buckets: number[]) {
    return new Histogram({ name: prefixed(name), help, buckets, registers })
  }
}

/** All metrics that can be read: `onUnreadable` gets those whose `collect` throws, which is code of the application. */
export async function readMetrics(
  registry: Registry,
  onUnreadable: (name: string, error: unknown) => void
): Promise<string> {
  try {
    return await registry.metrics()
  } catch {
    const texts = await Promise.all(registry.getMetricsAsArray().map(readable))
    return `${texts.filter(text => text !== '').join('\n\n')}\n`
  }

  async function readable({ name }: { name: string }): Promise<string> {
    try {
      return await registry.getSingleMetricAsString(name)
    } catch (error) {
      onUnreadable(name, error)
      return ''
    }
  }
}

function prefixed(name: string) {
  return `fastify_neon_${name}`
}
