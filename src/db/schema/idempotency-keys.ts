/**
 * The table of answers that were given under an Idempotency-Key, so that a repeated request
 * gets the same one and is not carried out again.
 */
import { sql } from 'drizzle-orm'
import {
  index,
  jsonb,
  pgPolicy,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  varchar
} from 'drizzle-orm/pg-core'
import { appJanitor, ownerPolicies } from './owner.ts'

/** The only headers that are kept: none of them is a secret. */
export interface KeptHeaders {
  location?: string
  etag?: string
}

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    /** The token's subject: keys of two users never meet. */
    owner: text('owner').notNull(),
    /** As the client chose it. */
    key: varchar('key', { length: 255 }).notNull(),
    /** SHA-256 of method, URL, payload and If-Match, in hex. */
    fingerprint: varchar('fingerprint', { length: 64 }).notNull(),
    status: smallint('status').notNull(),
    headers: jsonb('headers').$type<KeptHeaders>().notNull(),
    /** JSON as it was sent; null when there was none. */
    body: text('body'),
    expiresAt: timestamp('expires_at', { withTimezone: true, precision: 3 }).notNull()
  },
  table => [
    primaryKey({ columns: [table.owner, table.key] }),
    index('idempotency_keys_expires_at_idx').on(table.expiresAt),
    ...ownerPolicies('idempotency_keys', table.owner),
    // Of users who never come back too.
    pgPolicy('idempotency_keys_expired', {
      for: 'all',
      to: appJanitor,
      using: sql`${table.expiresAt} <= now()`
    })
  ]
)
