/**
 * Pools for tests: each on a database of its own, ended with the test.
 */
import type { Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { verifyConnectionUrl } from '../../src/connection-string/connection-url.ts'
import { NeonPool, type NeonPoolOptions, POOL_DEFAULTS, type PoolEvent } from '../../src/pool/pool.ts'

export async function openPool(t: Test, options: Partial<NeonPoolOptions> = {}, url?: string) {
  const databaseUrl = url ?? (await createDatabase(t))
  const { connection } = verifyConnectionUrl(databaseUrl)
  if (!connection) throw new Error('no valid URL')
  const pool = new NeonPool({
    ...POOL_DEFAULTS,
    applicationName: 'pool-test',
    url: connection,
    ...options
  })
  t.teardown(() => pool.end())
  const events: PoolEvent[] = []
  pool.observe(event => events.push(event))
  const count = (type: PoolEvent['type']) => events.filter(event => event.type === type).length
  return { pool, events, count, databaseUrl }
}

export const pidOf = async (client: { query: NeonPool['query'] }) => {
  const {
    rows: [row]
  } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return row?.pid
}

export const kill = (pid: number | undefined) => administer(`select pg_terminate_backend(${pid})`)

/** Clients that are in use side by side, so that there are as many connections. */
export async function take(pool: NeonPool, count: number) {
  return Promise.all(Array.from({ length: count }, () => pool.connect()))
}

/** The pool may refuse for a while after its database has come back. */
export const untilServed = (pool: NeonPool) =>
  until(() =>
    pool.query('select 1').then(
      () => true,
      () => false
    )
  )

/** The clock of the pool is the system's. */
export function untilIdleFor(idleMs: number) {
  const start = performance.now()
  return until(() => performance.now() - start > idleMs)
}
