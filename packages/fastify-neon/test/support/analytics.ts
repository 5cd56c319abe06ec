/**
 * Tables of a second database, and its type as an application declares it.
 */
import { integer, pgTable } from 'drizzle-orm/pg-core'
import type { Database } from '../../src/plugins/db.ts'

export const analyticsSchema = { visits: pgTable('visits', { id: integer('id').primaryKey() }) }

declare module 'fastify' {
  interface FastifyInstance {
    analytics: Database<typeof analyticsSchema>
  }
}
