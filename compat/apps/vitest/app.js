import { sql } from 'drizzle-orm'
import { pgTable, serial, text } from 'drizzle-orm/pg-core'
import fastify from 'fastify'
import db, { retryRead } from 'fastify-neon/db'
import health from 'fastify-neon/health'

const notes = pgTable('notes', { id: serial('id').primaryKey(), text: text('text').notNull() })

export async function build(connectionString, options) {
  const app = fastify(options)
  await app.register(db, { connectionString })
  await app.register(health)
  app.addHook('onReady', async () => {
    await app.db.execute(sql`create table if not exists notes (id serial primary key, text text not null)`)
  })
  app.get('/work', async () => {
    const [note] = await app.db.insert(notes).values({ text: 'hello' }).returning()
    return note
  })
  app.get('/notes', () => retryRead(() => app.db.select().from(notes)))
  return app
}
