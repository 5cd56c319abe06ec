/**
 * What a stranger writes: a Fastify application in TypeScript that compiles to ES modules and to CommonJS alike.
 */

/** Prints what its routes say, and whether what is imported is what is required. */
export const APPLICATION = `
import { sql } from 'drizzle-orm'
import { pgTable, text } from 'drizzle-orm/pg-core'
import fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import neonDb, { DatabaseFailure, type DbOptions, disconnectSignal } from 'fastify-neon/db'
import { OptionInvalidError } from 'fastify-neon/errors'
import health, { type HealthOptions } from 'fastify-neon/health'
import isolation from 'fastify-neon/isolation'
import metrics from 'fastify-neon/metrics'
import { applyMigrations, FailedMigration, type MigrationFinding, readMigrationStatus } from 'fastify-neon/migrations'
import { type Fault, type LocalNeonOptions, scaledClock, startLocalNeon } from 'local-neon'

const tasks = pgTable('tasks', { title: text('title').notNull() })
const schema = { tasks }

declare module 'fastify-neon/db' {
  interface Register { schema: typeof schema }
}

const routes: FastifyPluginAsync = async app => {
  app.get('/tasks', (_request, reply) =>
    app.db.transaction(tx => tx.query.tasks.findMany(), { signal: disconnectSignal(reply) })
  )
}

export async function build(): Promise<FastifyInstance> {
  const app = fastify()
  const options: HealthOptions = { livePath: '/live' }
  await app.register(neonDb, { connectionString: process.env.DATABASE_URL, schema, logLevel: 'warn', prefix: '/x' })
  await app.register(health, options)
  await app.register(metrics, { path: '/numbers' })
  await app.register(routes)
  await app.ready()
  const [task] = await app.db.select().from(tasks)
  const title: string | undefined = task?.title
  // @ts-expect-error There is no such column.
  task?.none
  return app
}

export async function others(app: FastifyInstance) {
  await app.register(isolation, { role: 'app_user', shared: ['countries'] })
  app.health.drain()
  const { findings }: { findings: MigrationFinding[] } = await readMigrationStatus({ url: '', folder: '' })
  const options: LocalNeonOptions = { suspendAfterMs: 0, clock: scaledClock(60) }
  const slow: Fault = { type: 'latency', toServerMs: 20, connections: 'new' }
  const { hits }: { hits: number } = (await startLocalNeon(options)).inject(slow)
  // @ts-expect-error There is no such fault.
  const none: Fault = { type: 'fire' }
  // @ts-expect-error A connection string is needed, if only an undefined one.
  const without: DbOptions = { schema }
  return [findings, hits, none, without, FailedMigration, OptionInvalidError]
}

async function main() {
  await applyMigrations({ url: process.env.DATABASE_URL, folder: 'drizzle' })
  const app = await build()
  const statusCode = (await app.inject('/tasks')).statusCode
  const failure = await app.db.execute(sql\`select 1 / 0\`).catch((error: unknown) => error instanceof DatabaseFailure)
  await app.close()
  const required = process.getBuiltinModule('node:module').createRequire(process.cwd() + '/x.js')('fastify-neon/db')
  console.log(JSON.stringify({ statusCode, failure, isOne: required.default === neonDb }))
}

if (process.env.RUN) main()
`

/** What libraries on pg ask of a pool, as their types have it, without a cast. */
export const LIBRARIES = `
import type { FastifyInstance } from 'fastify'
import type {} from 'fastify-neon/db'
import type { ClientBase, Pool, PoolClient, QueryResult } from 'pg'

// better-auth, graphile-worker and connect-pg-simple.
declare function betterAuth(options: { database: Pool }): void
declare function runWorker(options: { pgPool?: Pool; noHandleSignals?: boolean }): Promise<void>
declare class PgSession { constructor(options: { pool?: Pool | undefined; createTableIfMissing?: boolean }) }
// pg-boss.
interface Db { executeSql(text: string, values: unknown[]): Promise<{ rows: any[] }> }
// node-pg-migrate.
declare function runner(options: { dbClient: ClientBase; dir: string }): Promise<void>
// kysely.
interface PostgresPool { connect(): Promise<PostgresPoolClient>; end(): Promise<void>; options?: object }
interface PostgresPoolClient {
  query<R>(text: string, values: readonly unknown[]): Promise<{ command: 'SELECT' | 'MERGE'; rowCount: number; rows: R[] }>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  release(): void
}
interface PostgresCursor<T> { read(rowsCount: number): Promise<T[]>; close(): Promise<void> }
declare class PostgresDialect { constructor(config: { pool: PostgresPool | (() => Promise<PostgresPool>); cursor?: unknown }) }

export async function use(app: FastifyInstance): Promise<QueryResult<{ one: number }>> {
  const pool: Pool = app.db.$client
  pool.on('error', (error, client) => console.error(error, client))
  betterAuth({ database: app.db.$client })
  runWorker({ pgPool: app.db.$client })
  new PgSession({ pool: app.db.$client })
  new PostgresDialect({ pool: app.db.$client })
  const boss: Db = { executeSql: (text, values) => app.db.$client.query(text, values) }
  await boss.executeSql('select $1::int as one', [1])
  const client: PoolClient = await app.db.$client.connect()
  try {
    await runner({ dbClient: client, dir: 'migrations' })
    return await client.query<{ one: number }>('select $1::int as one', [1])
  } finally {
    client.release()
  }
}
`
