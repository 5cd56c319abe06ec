/**
 * The tables that the snippets of the documentation name.
 */
import { integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

export const notes = pgTable('notes', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  owner: text('owner'),
  text: text('text').notNull()
})

export const orders = pgTable('orders', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  item: text('item').notNull()
})

export const tasks = pgTable('tasks', {
  id: uuid('id').primaryKey().defaultRandom(),
  owner: text('owner').notNull(),
  title: text('title').notNull()
})

export const visits = pgTable('visits', { at: timestamp('at').notNull().defaultNow() })
