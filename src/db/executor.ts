/**
 * What a query function runs on.
 */
import type { NeonQueryResultHKT } from 'drizzle-orm/neon-serverless'
import type { PgDatabase } from 'drizzle-orm/pg-core'
import type * as schema from './schema.ts'

/** `fastify.db`, or a transaction on it. */
export type Executor = PgDatabase<NeonQueryResultHKT, typeof schema>
