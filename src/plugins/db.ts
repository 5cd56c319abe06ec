/**
 * Owns the database pool: decorates the server with the Drizzle client on it,
 * connects in the background, and ends the pool when the server closes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { AlreadyRegisteredError } from '../errors.ts'
import { backoffMs } from '../neon/backoff.ts'
import type { Password } from '../neon/client.ts'
import { verifiedUrl } from '../neon/connection-url.ts'
import { createDatabase, type Database, type DatabaseOptions, type Schema } from '../neon/database.ts'
import { type DatabaseFailure, describeFailure, toFailure } from '../neon/failure.ts'
import { NeonPool, POOL_DEFAULTS, type PoolEvent, type PoolLimits, poolLimits } from '../neon/pool.ts'
import { refuseUnknownOptions } from './known-options.ts'

export type { ClaimedDatabase, ClaimedOptions, Claims } from '../neon/database.ts'
export { readAgain } from '../neon/read-again.ts'
export { hangUpSignal } from './hang-up.ts'

/**
 * Tells the type of `fastify.db` which tables there are:
 * `declare module 'fastify-neon/db' { interface Register { schema: typeof schema } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: an application fills it by declaration merging
export interface Register {}

export type RegisteredSchema = Register extends { schema: infer S extends Schema } ? S : Record<string, never>

declare module 'fastify' {
  interface FastifyInstance {
    /** The Drizzle client; its pool is `db.$client`. */
    db: Database<RegisteredSchema>
  }
}

/** Required when `Register` names the tables, since their types would promise what is not there. */
type SchemaOption = Register extends { schema: infer S extends Schema }
  ? { /** The tables and relations, as Drizzle takes them. */ schema: S }
  : { /** The tables and relations, as Drizzle takes them. */ schema?: RegisteredSchema }

export type DbOptions = Partial<PoolLimits> &
  Pick<DatabaseOptions<Schema>, 'claims' | 'casing' | 'logger'> &
  SchemaOption & {
    /** `postgresql://user:password@host/database?sslmode=require`, pooled or direct. */
    connectionString: string
    /** Shown in `pg_stat_activity`. @default 'fastify-neon' */
    applicationName?: string
    /**
     * Role that each statement and transaction of `fastify.db` switches to, so that the policies of the tables
     * hold although the login bypasses them. @default that of the login
     */
    role?: string | undefined
    /**
     * In place of the password in the connection string: a text, or a function that each new
     * connection asks, so that a rotated password needs no restart.
     */
    password?: Password
    /**
     * Statements are sent without waiting for the answer to the one before. False is for who doubts it: then nothing
     * is shared, and each transaction costs more round trips. @default true
     */
    pipelining?: boolean | undefined
  }

const OPTIONS = [
  ...Object.keys(POOL_DEFAULTS),
  'connectionString',
  'schema',
  'role',
  'claims',
  'applicationName',
  'password',
  'pipelining',
  'casing',
  'logger'
]

const FIRST_RETRY_MS = 250
// With the wake of a compute at a few hundred ms, later tries lose little by waiting this long.
const MAX_RETRY_MS = 5000
// A wrong password or a missing database is mended by a person.
const REFUSED_RETRY_MS = 30_000

const SESSION_CHANGED =
  'database connection closed after use, because a statement changed its session (SET, LISTEN, an advisory lock): use SET LOCAL, or keep a client checked out'

async function dbPlugin(fastify: FastifyInstance, options: DbOptions) {
  if (fastify.hasDecorator('db')) throw new AlreadyRegisteredError()
  refuseUnknownOptions(options, OPTIONS)
  const {
    connectionString,
    schema,
    role,
    claims,
    casing,
    logger,
    applicationName = 'fastify-neon',
    password,
    pipelining,
    ...limits
  } = options
  const url = verifiedUrl(connectionString, 'connectionString')
  const pool = new NeonPool({
    url,
    applicationName,
    password,
    pipelining,
    ...poolLimits(limits)
  })
  const closing = new AbortController()
  /** `reached`, or the code of what stands in the way. */
  let reach: string | undefined
  const changes = new Set<string>()

  pool.observe(logEvent)
  fastify.decorate('db', createDatabase<RegisteredSchema>(pool, { schema, role, claims, casing, logger }))
  fastify.addHook('onClose', endPool)
  connectInBackground()

  /** Opens the first connection, as often as it takes, without keeping the server from listening. */
  async function connectInBackground() {
    for (let failures = 1; !closing.signal.aborted; failures += 1) {
      const failure = await connectOnce()
      if (failure === undefined) return
      await sleep(retryDelayMs(failure, failures), undefined, { signal: closing.signal, ref: false }).catch(
        ignore
      )
    }
  }

  async function connectOnce(): Promise<DatabaseFailure | undefined> {
    try {
      const client = await pool.connect()
      client.release()
    } catch (error) {
      return toFailure(error, 'connect')
    }
  }

  /** One line per change, since an outage fails every request. */
  function logEvent(event: PoolEvent) {
    switch (event.type) {
      case 'connected':
        if (reach !== 'reached') fastify.log.info('database reached')
        reach = 'reached'
        break
      case 'connect-retried':
      case 'connect-failed':
        if (reach !== event.failure.code)
          fastify.log.warn(describeFailure(event.failure), 'database not reached')
        reach = event.failure.code
        break
      case 'idle-client-lost':
        fastify.log.info(describeFailure(event.failure), 'idle database client lost')
        break
      case 'names-given-up':
        fastify.log.warn(
          'prepared statements are off from now on: a connection did not have a statement that was prepared on it, as behind a pooler with max_prepared_statements = 0'
        )
        break
      case 'session-changed':
        tellSessionChange(event.change)
        break
      case 'client-held':
        fastify.log.warn({ heldMs: event.heldMs, place: event.place }, 'database client not given back')
        break
    }
  }

  /** Once for each kind, since a statement may be that of each request. */
  function tellSessionChange(change: string) {
    if (changes.has(change)) return
    changes.add(change)
    fastify.log.warn({ change, pooled: url.isPooled }, SESSION_CHANGED)
  }

  async function endPool() {
    closing.abort()
    await pool.end()
  }
}

function retryDelayMs({ retryable }: DatabaseFailure, failures: number) {
  return retryable
    ? backoffMs({ firstMs: FIRST_RETRY_MS, maxMs: MAX_RETRY_MS, failures })
    : backoffMs({ firstMs: REFUSED_RETRY_MS, maxMs: REFUSED_RETRY_MS, failures })
}

function ignore() {}

export default fp(dbPlugin, { name: 'fastify-neon-db', fastify: '5.x' })
