/**
 * What a query function runs on.
 */
import type { NeonDatabase } from 'drizzle-orm/neon-serverless'

/** `request.db` or `fastify.db`, or a transaction on one of them. */
export type Executor = Pick<NeonDatabase, 'select' | 'insert' | 'update' | 'delete' | 'execute' | '_'>
