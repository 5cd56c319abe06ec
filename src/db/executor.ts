/**
 * What a query function runs on.
 */
import type { NeonQueryResultHKT } from 'drizzle-orm/neon-serverless'
import type { PgDatabase } from 'drizzle-orm/pg-core'
import type * as schema from './schema.ts'

/** `request.db` or `fastify.db`, or a transaction on one of them. */
export type Executor = PgDatabase<NeonQueryResultHKT, typeof schema>
