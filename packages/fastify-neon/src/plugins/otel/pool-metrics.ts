/**
 * What a pool has and does, as the metrics `db.client.connection.*` of OpenTelemetry's conventions.
 */
import type { BatchObservableResult, Meter } from '@opentelemetry/api'
import type { RegisteredDatabase } from '../databases.ts'

export interface PoolMetrics {
  add(database: RegisteredDatabase): void
  end(): void
}

const POOL_NAME = 'db.client.connection.pool.name'
const STATE = 'db.client.connection.state'

const SECOND_MS = 1000

// From a free connection to the longest wait for a compute that wakes.
const BUCKETS = { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15] }

export function createPoolMetrics(meter: Meter): PoolMetrics {
  const databases: RegisteredDatabase[] = []
  const stops: (() => void)[] = []
  const count = upDown('count', '{connection}', 'Connections by their state')
  const idleMax = upDown('idle.max', '{connection}', 'Most connections that may be idle')
  const max = upDown('max', '{connection}', 'Most connections')
  const pending = upDown('pending_requests', '{request}', 'Callers that wait for a connection')
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description: 'Callers that got no connection in time, or met a full queue'
  })
  const createTime = seconds('create_time', 'Time of a try that made a connection')
  const waitTime = seconds('wait_time', 'Wait for a connection that was given out')
  const useTime = seconds('use_time', 'From the checkout of a connection to its release')
  const observed = [count, idleMax, max, pending]
  meter.addBatchObservableCallback(observe, observed)

  return {
    add(database) {
      const { name, pool } = database
      const labels = { [POOL_NAME]: name }
      const acquiredAt = new WeakMap<object, number>()
      databases.push(database)
      const note = (client: object) => acquiredAt.set(client, performance.now())
      const measure = (_error: unknown, client: object) => {
        const since = acquiredAt.get(client)
        if (since !== undefined) useTime.record((performance.now() - since) / SECOND_MS, labels)
      }
      pool.on('acquire', note).on('release', measure)
      const stop = pool.observe(event => {
        if (event.type === 'connected') createTime.record(event.durationMs / SECOND_MS, labels)
        if (event.type === 'checked-out') waitTime.record(event.waitedMs / SECOND_MS, labels)
        if (event.type === 'checkout-refused') timeouts.add(1, labels)
      })
      stops.push(stop, () => pool.off('acquire', note).off('release', measure))
    },
    end() {
      meter.removeBatchObservableCallback(observe, observed)
      for (const stop of stops) stop()
    }
  }

  function observe(result: BatchObservableResult) {
    for (const { name, pool } of databases) {
      const labels = { [POOL_NAME]: name }
      const stats = pool.stats()
      result.observe(count, stats.idle, { ...labels, [STATE]: 'idle' })
      result.observe(count, stats.total - stats.idle, { ...labels, [STATE]: 'used' })
      result.observe(idleMax, stats.max, labels)
      result.observe(max, stats.max, labels)
      result.observe(pending, stats.waiting, labels)
    }
  }

  function upDown(name: string, unit: string, description: string) {
    return meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description })
  }

  function seconds(name: string, description: string) {
    return meter.createHistogram(`db.client.connection.${name}`, { unit: 's', description, advice: BUCKETS })
  }
}
