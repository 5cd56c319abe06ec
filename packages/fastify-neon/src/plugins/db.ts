/**
 * Owns the pool of one database, and those of its read replicas: decorates the server with the Drizzle client on them,
 * connects in the background, and ends the pools when the server closes.
 */
import type { PoolConfig } from '@neondatabase/serverless'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Password } from '../client/client.ts'
import { verifiedUrl } from '../connection-string/connection-url.ts'
import {
  type ClaimedDatabase,
  createDatabase,
  type Database as DatabaseOnPool,
  type DatabaseOptions,
  DRIZZLE_OPTIONS,
  type NoTables,
  type Tables
} from '../drizzle/database.ts'
import { AlreadyRegisteredError, OptionInvalidError } from '../errors/errors.ts'
import { NeonPool, POOL_DEFAULTS, type PoolLimits, poolLimits } from '../pool/pool.ts'
import type { ReplicaPool } from '../pool/replica-pool.ts'
import { createBackgroundConnect } from './background-connect.ts'
import { addDatabase, findDatabases } from './databases.ts'
import { logErrorDetails } from './error-details.ts'
import { refuseUnknownOptions } from './known-options.ts'
import type { Plugin } from './plugin.ts'
import { createPoolLog } from './pool-log.ts'
import { openReplicas, type ReplicaOptions } from './replicas.ts'

export type { ClaimedDatabase, ClaimedOptions, Claims, Pool, PoolClient } from '../drizzle/database.ts'
export { DatabaseFailure } from '../errors/failure.ts'
export { POOL_DEFAULTS, type PoolEvent, type PoolStats } from '../pool/pool.ts'
export { type CommitOutcome, CommitOutcomeUnknown } from '../transaction/commit-outcome.ts'
export type { TransactionOptions } from '../transaction/options.ts'
export { retryRead } from '../transaction/retry-read.ts'
export { disconnectSignal } from './disconnect-signal.ts'
export type { ReplicaOptions } from './replicas.ts'

/**
 * Tells the type of `fastify.db` which tables there are:
 * `declare module 'fastify-neon/db' { interface Register { schema: typeof schema } }`, and with Drizzle 1.0
 * `interface Register { relations: typeof relations }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: an application fills it by declaration merging
export interface Register {}

export type RegisteredSchema = Register extends { schema: infer T extends Tables }
  ? T
  : Register extends { relations: infer T extends Tables }
    ? T
    : NoTables

/** The Drizzle client of a registered database. Of another than `fastify.db` it is declared by the application. */
export type Database<T extends Tables = NoTables> = DatabaseOnPool<T> & {
  /**
   * The same client on a read replica, for reads that may lag. Each statement and transaction is READ ONLY and has the
   * same role. It has `$withClaims` too. Without a replica, or while none can be reached, it runs on the primary.
   */
  readonly $replica: Replica<T>
}

export type Replica<T extends Tables = NoTables> = ClaimedDatabase<T> & Pick<DatabaseOnPool<T>, '$withClaims'>

declare module 'fastify' {
  interface FastifyInstance {
    /** The Drizzle client; its pool is `db.$client`. */
    db: Database<RegisteredSchema>
  }
}

/** Drizzle's options. Those of the tables are required when `Register` names them, since its types would promise what is not there. */
type OptionsOfDrizzle = DatabaseOptions<RegisteredSchema> & Pick<Register, keyof Register>

/** `fastify.db`, or another database, whose type the application declares. */
type NameOption =
  | (OptionsOfDrizzle & { name?: 'db' | undefined })
  | (DatabaseOptions<Tables> & {
      /**
       * The decorator of the database, such as `analytics` for `fastify.analytics`; also its name in the log, in the
       * metrics and in health. @default 'db'
       */
      name: string
    })

export type DbOptions = Partial<PoolLimits> &
  NameOption & {
    /**
     * `postgresql://user:password@host/database?sslmode=require`, pooled or direct. Undefined, such as for a variable
     * of the environment that is not set, is refused at start.
     */
    connectionString: string | undefined
    /** Shown in `pg_stat_activity`. @default 'fastify-neon' */
    applicationName?: string
    /**
     * Used in place of the password in the connection string: a text, or a function that runs for each new
     * connection, so that a changed password needs no restart.
     */
    password?: Password
    /**
     * Send a statement without waiting for the answer to the one before. With false no connection is shared, and each
     * transaction takes more round trips. @default true
     */
    pipelining?: boolean | undefined
    /** False: while this database fails, `/readyz` is 200 `degraded`, never 503. @default true */
    critical?: boolean | undefined
    /** Read replicas for `$replica`: connection strings, or objects with limits of their own. @default none */
    replicas?: readonly (string | ReplicaOptions)[] | undefined
    /**
     * Parsers of values, as `pg` takes them, for `fastify.db.$client`. Drizzle has its own.
     * @default those of the driver
     */
    types?: PoolConfig['types']
    /**
     * For development: log the server's own message for an error that fails a request, with hint, column and position,
     * and the host and role of a database that cannot be reached. The message may quote a value. @default false
     */
    errorDetails?: boolean | undefined
  }

const OPTIONS = [
  ...Object.keys(POOL_DEFAULTS),
  'name',
  'critical',
  'replicas',
  ...DRIZZLE_OPTIONS,
  'connectionString',
  'role',
  'claims',
  'applicationName',
  'password',
  'pipelining',
  'types',
  'errorDetails'
]

// As a property, and as `?exclude=` of health takes it.
const NAME = /^[a-z_]\w{0,47}$/i

async function dbPlugin(fastify: FastifyInstance, options: DbOptions) {
  const {
    name = 'db',
    critical = true,
    replicas: givenReplicas = [],
    connectionString,
    applicationName = 'fastify-neon',
    password,
    pipelining,
    types,
    errorDetails = false,
    ...others
  } = options
  refuseTaken(fastify, name)
  refuseUnknownOptions(options, OPTIONS)
  const url = verifiedUrl(connectionString, 'connectionString')
  const login = { applicationName, password, pipelining, types }
  const limits = poolLimits(others)
  const pool = new NeonPool({ url, ...login, ...limits })
  const replicas = openReplicas(givenReplicas, {
    name,
    primary: pool,
    login,
    limits,
    log: fastify.log,
    errorDetails
  })
  const connects = [createBackgroundConnect(() => pool.connect()), ...replicas.map(({ connect }) => connect)]
  const log = fastify.log.child({ database: name })
  pool.observe(createPoolLog({ log, subject: 'database', url, explains: errorDetails }))
  if (errorDetails) logErrorDetails(fastify)

  fastify.decorate(name, openDatabase())
  addDatabase(fastify, { name, pool, critical, role: others.role })
  for (const replica of replicas)
    addDatabase(fastify, { name: replica.name, pool: replica.pool, critical: false })
  fastify.addHook('onClose', async () => {
    for (const { end } of connects) end()
    await Promise.all([pool, ...replicas.map(replica => replica.pool)].map(each => each.end()))
  })
  for (const { begin } of connects) begin()

  function openDatabase(): Database<Tables> {
    const database = createDatabase<Tables>(pool, others)
    // What lags must not be kept for those who read the primary.
    const lagging = { ...others, cache: undefined }
    const open = (pool: NeonPool) => createDatabase<Tables>(pool, lagging, { readOnly: true })
    addReplica(
      database,
      chooser(
        replicas.map(({ pool }) => ({ pool, database: open(pool) })),
        open(pool)
      )
    )
    return database
  }
}

/** Throws FST_NEON_ALREADY_REGISTERED, or FST_NEON_OPTION_INVALID for what is no name of a decorator. */
function refuseTaken(fastify: FastifyInstance, name: string): void {
  if (!NAME.test(name))
    throw new OptionInvalidError('name must be like analytics: 1 to 48 letters, digits and _')
  if (findDatabases(fastify)?.find(name)) throw new AlreadyRegisteredError(name)
  if (Reflect.has(fastify, name))
    throw new OptionInvalidError(`name: fastify.${name} is something else already; choose another name`)
}

/** The next replica that can be reached, in turn; while none can, one that runs on the primary; without any, the primary. */
function chooser<T>(replicas: { pool: ReplicaPool; database: T }[], onPrimary: T): () => T {
  let turn = 0
  return () => {
    const reachable = replicas.filter(({ pool }) => pool.isReachable)
    turn += 1
    return (reachable[turn % reachable.length] ?? replicas[0])?.database ?? onPrimary
  }
}

function addReplica<T extends Tables>(
  database: DatabaseOnPool<T>,
  get: () => Replica<T>
): asserts database is Database<T> {
  Object.defineProperty(database, '$replica', { get })
}

const plugin: Plugin<DbOptions> = fp(dbPlugin, { name: 'fastify-neon-db', fastify: '5.x' })

export default plugin
