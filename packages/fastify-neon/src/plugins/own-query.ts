/**
 * What the plugins themselves ask a database.
 */
import { types } from '@neondatabase/serverless'
import type { Query } from '../client/single-session.ts'
import type { Pool } from '../drizzle/database.ts'
import { outsideOfRequests } from '../runtime/outside.ts'

/** Asks for rows, whose values are parsed as the driver does, whatever parsers the application has set. */
export function ownQuery(pool: Pool): Query {
  return (text, values) => outsideOfRequests(async () => (await pool.query({ text, values, types })).rows)
}
