/**
 * The metrics, by Prometheus's conventions: seconds, `_total` for what only grows, labels of a few fixed
 * values. No label holds a user, a URL or a statement. docs/reference/metrics.md lists them; a test compares the two.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { DATABASE_STATES } from '../../health/database.ts'
import { PROCESS_STATES } from '../../health/process.ts'
import { READINESS } from '../../health/snapshot.ts'
import type { PoolCounters, PoolListener, PoolStats } from '../../pool/pool.ts'
import type { RegisteredDatabase } from '../databases.ts'
import type { Health } from '../health/health.ts'

export interface RequestFacts {
  method: string
  /** The template, such as `/tasks/:id`. */
  route: string
  statusCode: number
  durationMs: number
}

export interface Metrics {
  registry: Registry
  /** From now on its pool is in the metrics. Returns what the events of that pool are for. */
  addDatabase(database: RegisteredDatabase): PoolListener
  onRequest(facts: RequestFacts): void
}

/** Name of a database, and its value. */
type Reading = [database: string, value: number]
type Labels = Record<string, string>

// The label of each database, `db` too, so that the series of one that comes second do not change those of the first.
const DATABASE = 'database'

const SECOND_MS = 1000

// From a free client to the longest wait for one.
const CHECKOUT_BUCKETS = [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
// From a warm proxy nearby to the longest wait for a compute that wakes.
const CONNECT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]
// From one statement in memory to its deadline.
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Name after `fastify_neon_`, what it counts, and where the pool counts it. */
const COUNTERS: [name: string, help: string, counter: keyof PoolCounters][] = [
  ['pool_checkouts_total', 'Connections that were checked out', 'checkouts'],
  [
    'pool_checkout_timeouts_total',
    'Callers that got no connection in time, or met a full queue',
    'checkoutsRefused'
  ],
  ['pool_connect_retries_total', 'Failed tries to connect that were followed by another', 'connectRetries'],
  ['pool_connect_failures_total', 'Callers that needed a new connection and got none', 'connectFailures'],
  ['pool_clients_lost_total', 'Connections that the server or the network closed', 'clientsLost'],
  [
    'pool_clients_evicted_total',
    'Connections that the pool closed because one of the same age was lost',
    'clientsEvicted'
  ],
  [
    'statement_timeouts_total',
    'Statements that timed out and were cancelled on the server',
    'statementsCancelled'
  ],
  [
    'statement_silences_total',
    'Statements that timed out, and whose cancel was not acknowledged',
    'statementsUnanswered'
  ],
  ['wakes_total', 'Connections for which the compute woke, as far as a client can tell', 'wakes'],
  ['transaction_retries_total', 'Transactions that were run again', 'transactionRepeats'],
  [
    'replica_fallbacks_total',
    'Statements and transactions that ran on the primary because the replica could not be reached',
    'replicaFallbacks'
  ]
]

export function createMetrics(health: Health): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const databases: RegisteredDatabase[] = []

  states('health_process', 'State of the process', PROCESS_STATES, () => health.state().process)
  new Gauge({
    name: prefixed('health_database'),
    help: 'State of the database: 1 for the current one',
    labelNames: [DATABASE, 'state'],
    registers,
    collect() {
      for (const [name, { database }] of Object.entries(health.state().databases))
        for (const state of DATABASE_STATES)
          this.set({ database: name, state }, state === database.state ? 1 : 0)
    }
  })
  states('health_readiness', 'Answer of readiness', READINESS, () => health.state().readiness)
  gauge('health_database_last_success_age_seconds', 'Time since the database last answered', () =>
    Object.entries(health.state().databases).map(
      ([
        name,
        {
          database: { lastSuccessAgeMs }
        }
      ]) => [name, lastSuccessAgeMs === undefined ? Number.NaN : lastSuccessAgeMs / SECOND_MS]
    )
  )
  counter('health_probes_total', 'Questions that health itself asked the databases', ['outcome'], () => [
    [{ outcome: 'answered' }, health.probes.answered],
    [{ outcome: 'failed' }, health.probes.failed]
  ])
  gauge('pool_connections_max', 'Most connections', ofPools('max'))
  gauge('pool_connections', 'Connections, including those being opened', ofPools('total'))
  gauge('pool_idle', 'Idle connections', ofPools('idle'))
  gauge('pool_waiting', 'Callers in the queue', ofPools('waiting'))
  for (const [name, help, key] of COUNTERS)
    counter(name, help, [DATABASE], () => ofPools(key)().map(([database, count]) => [{ database }, count]))
  counter('transactions_total', 'Transactions by outcome', [DATABASE, 'outcome'], () =>
    databases.flatMap(({ name: database, pool }) => {
      const { transactionsCommitted, transactionsRolledBack, transactionsUnknown } = pool.stats()
      return [
        [{ database, outcome: 'committed' }, transactionsCommitted],
        [{ database, outcome: 'rolled_back' }, transactionsRolledBack],
        [{ database, outcome: 'unknown' }, transactionsUnknown]
      ]
    })
  )
  const checkout = histogram('pool_checkout_seconds', 'Wait for a connection', CHECKOUT_BUCKETS)
  const connect = histogram('pool_connect_seconds', 'Time of the try that made a connection', CONNECT_BUCKETS)
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to the end of its response',
    labelNames: ['method', 'route', 'status_code'],
    buckets: REQUEST_BUCKETS,
    registers
  })

  return {
    registry,
    addDatabase(added) {
      const labels = { database: added.name }
      databases.push(added)
      checkout.zero(labels)
      connect.zero(labels)
      return event => {
        if (event.type === 'checked-out') checkout.observe(labels, event.waitedMs / SECOND_MS)
        if (event.type === 'connected') connect.observe(labels, event.durationMs / SECOND_MS)
      }
    },
    onRequest({ method, route, statusCode, durationMs }) {
      requests.observe({ method, route, status_code: statusCode }, durationMs / SECOND_MS)
    }
  }

  /** 1 for the state that is, 0 for the others. */
  function states(name: string, help: string, all: readonly string[], read: () => string) {
    new Gauge({
      name: prefixed(name),
      help: `${help}: 1 for the current one`,
      labelNames: ['state'],
      registers,
      collect() {
        const current = read()
        for (const state of all) this.set({ state }, state === current ? 1 : 0)
      }
    })
  }

  function ofPools(key: keyof PoolStats): () => Reading[] {
    return () => databases.map(({ name, pool }) => [name, pool.stats()[key]])
  }

  function gauge(name: string, help: string, read: () => Reading[]) {
    new Gauge({
      name: prefixed(name),
      help,
      labelNames: [DATABASE],
      registers,
      collect() {
        for (const [database, value] of read()) this.set({ database }, value)
      }
    })
  }

  /** The pools and health count; here it is only told. */
  function counter(name: string, help: string, labelNames: string[], read: () => [Labels, number][]) {
    new Counter({
      name: prefixed(name),
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [labels, count] of read()) this.inc(labels, count)
      }
    })
  }

  function histogram(name: string, help: string, buckets: number[]) {
    return new Histogram({ name: prefixed(name), help, labelNames: [DATABASE], buckets, registers })
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
