import assert from 'node:assert/strict'
import { eq, sql } from 'drizzle-orm'
import { pgTable, serial, text } from 'drizzle-orm/pg-core'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'
import metrics from 'fastify-neon/metrics'

const notes = pgTable('notes', { id: serial('id').primaryKey(), text: text('text').notNull() })

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })
await app.register(health, { migrations: { folder: 'drizzle' } })
await app.register(metrics)

app.get('/work', async () => {
  const [note] = await app.db.transaction(tx => tx.insert(notes).values({ text: 'hello' }).returning())
  const [found] = await app.db.select().from(notes).where(eq(notes.id, note.id))
  assert.deepEqual(found, note)
  const user = app.db.$withClaims({ 'app.user_id': 'alice' })
  const { rows } = await user.execute(sql`select current_setting('app.user_id') as name`)
  assert.deepEqual(rows, [{ name: 'alice' }])
  for (const path of ['/readyz', '/metrics']) assert.equal((await app.inject(path)).statusCode, 200)
  return note
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
