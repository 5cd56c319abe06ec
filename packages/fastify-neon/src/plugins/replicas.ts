/**
 * The read replicas of a database: a pool for each, which connects in the background whenever it cannot be reached.
 */
import type { FastifyBaseLogger } from 'fastify'
import { verifiedUrl } from '../connection-string/connection-url.ts'
import {
  type NeonPool,
  type NeonPoolOptions,
  POOL_DEFAULTS,
  type PoolLimits,
  poolLimits
} from '../pool/pool.ts'
import { ReplicaPool } from '../pool/replica-pool.ts'
import { withoutUndefined } from '../runtime/without-undefined.ts'
import { type BackgroundConnect, createBackgroundConnect } from './background-connect.ts'
import { refuseUnknownOptions } from './known-options.ts'
import { createPoolLog } from './pool-log.ts'

/** Limits that are not given are those of the primary. */
export type ReplicaOptions = Partial<PoolLimits> & { connectionString: string | undefined }

export interface ReplicasOptions {
  /** Of the database. */
  name: string
  primary: NeonPool
  login: Pick<NeonPoolOptions, 'applicationName' | 'password' | 'pipelining' | 'types'>
  limits: Partial<PoolLimits>
  log: FastifyBaseLogger
  errorDetails: boolean
}

export interface OpenReplica {
  name: string
  pool: ReplicaPool
  connect: BackgroundConnect
}

const OPTIONS = [...Object.keys(POOL_DEFAULTS), 'connectionString']

/** Throws FST_NEON_OPTION_INVALID and FST_NEON_URL_INVALID. */
export function openReplicas(
  replicas: readonly (string | ReplicaOptions)[],
  { name: database, primary, login, limits, log, errorDetails }: ReplicasOptions
): OpenReplica[] {
  return replicas.map((given, index) => {
    const { connectionString, ...own } = typeof given === 'string' ? { connectionString: given } : given
    refuseUnknownOptions(own, OPTIONS)
    const url = verifiedUrl(connectionString, `replicas[${index}]`)
    const name = `${database}-replica-${index + 1}`
    const pool = new ReplicaPool(
      { url, ...login, ...poolLimits({ ...limits, ...withoutUndefined(own) }) },
      primary
    )
    const connect = createBackgroundConnect(() => pool.checkoutOwn())
    pool.observe(
      createPoolLog({
        log: log.child({ database: name }),
        subject: 'read replica',
        url,
        explains: errorDetails
      })
    )
    pool.observe(({ type }) => {
      if (type === 'connect-failed' && !pool.isReachable) connect.begin()
    })
    return { name, pool, connect }
  })
}
