/**
 * The table of tasks: each row belongs to the user who made it.
 */
import {
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
  varchar
} from 'drizzle-orm/pg-core'
import { ownerPolicies } from './owner.ts'

export const tasks = pgTable(
  'tasks',
  {
    /** Made by the server, so that a client cannot probe for the ids of others. */
    id: uuid('id').notNull().defaultRandom(),
    /** The token's subject; never taken from a request body. */
    owner: text('owner').notNull(),
    title: varchar('title', { length: 200 }).notNull(),
    notes: varchar('notes', { length: 10_000 }).notNull().default(''),
    done: boolean('done').notNull().default(false),
    // Milliseconds, because JavaScript's Date has no more: with microseconds a
    // page cursor would be cut and skip or repeat rows.
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    /** One more with each change: two changes may fall into one millisecond. */
    version: integer('version').notNull().default(1)
  },
  table => [
    // With the owner, so that nobody learns of the id of another user's task by a conflict with it.
    primaryKey({ columns: [table.owner, table.id] }),
    // Ascending and read backwards: Drizzle writes DESC as NULLS LAST, which a
    // plain ORDER BY … DESC cannot use.
    index('tasks_owner_created_at_id_idx').on(table.owner, table.createdAt, table.id),
    index('tasks_owner_updated_at_id_idx').on(table.owner, table.updatedAt, table.id),
    index('tasks_owner_title_id_idx').on(table.owner, table.title, table.id),
    ...ownerPolicies('tasks', table.owner)
  ]
)

export type Task = typeof tasks.$inferSelect
