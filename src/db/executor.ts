/**
 * What a query function runs on.
 */
import type { NeonDatabase } from 'drizzle-orm/neon-serverless'
import type { QueryClient } from 'fastify-neon/prepared-query'

/** `request.db` or `fastify.db`, or a transaction on one of them. */
export type Executor = QueryClient & Pick<NeonDatabase, 'select' | 'insert' | 'update' | 'delete' | 'execute'>
