import assert from 'node:assert/strict'
import { eq, sql } from 'drizzle-orm'
import { pgTable, serial, text } from 'drizzle-orm/pg-core'
import fastify, { type FastifyInstance } from 'fastify'
import db, { type Claims } from 'fastify-neon/db'
import { DatabaseFailure } from 'fastify-neon/errors'
import health from 'fastify-neon/health'
import metrics from 'fastify-neon/metrics'

const notes = pgTable('notes', { id: serial('id').primaryKey(), text: text('text').notNull() })

async function routes(app: FastifyInstance) {
  app.get('/work', async () => {
    const [note] = await app.db.transaction(tx => tx.insert(notes).values({ text: 'hello' }).returning())
    const id: number = note?.id ?? 0
    const [found] = await app.db.select().from(notes).where(eq(notes.id, id))
    assert.deepEqual(found, note)
    const claims: Claims = { 'app.user_id': 'alice' }
    const name = sql<string>`current_setting('app.user_id')`
    const [user] = await app.db.$withClaims(claims).select({ name }).from(notes).limit(1)
    assert.equal(user?.name, 'alice')
    await assert.rejects(app.db.execute(sql`select 1 / 0`), DatabaseFailure)
    for (const path of ['/readyz', '/metrics']) assert.equal((await app.inject(path)).statusCode, 200)
    return note
  })
}

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })
await app.register(health)
await app.register(metrics)
await app.register(routes)
app.addHook('onReady', async () => {
  await app.db.execute(sql`create table if not exists notes (id serial primary key, text text not null)`)
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
