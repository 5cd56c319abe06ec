import assert from 'node:assert/strict'
import { eq, relations, sql } from 'drizzle-orm'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import { notes, users } from './schema.js'

const usersRelations = relations(users, ({ many }) => ({ notes: many(notes) }))
const notesRelations = relations(notes, ({ one }) => ({
  user: one(users, { fields: [notes.userId], references: [users.id] })
}))
const schema = { users, notes, usersRelations, notesRelations }

declare module 'fastify-neon/db' {
  interface Register {
    schema: typeof schema
  }
}

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL, schema })

app.get('/work', async () => {
  const userId = await app.db.transaction(async tx => {
    const [user] = await tx.insert(users).values({ name: 'Alice' }).returning()
    assert(user)
    await tx.transaction(nested => nested.insert(notes).values({ userId: user.id, text: 'hello' }))
    return user.id
  })
  const user = await app.db.query.users.findFirst({ where: eq(users.id, userId), with: { notes: true } })
  const texts: string[] | undefined = user?.notes.map(note => note.text)
  assert.deepEqual(texts, ['hello'])
  const byId = app.db
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder('id')))
    .prepare('by_id')
  assert.equal((await byId.execute({ id: userId }))[0]?.name, 'Alice')
  const [[first], count] = await app.db.$batch(db => [
    db.select().from(notes).where(eq(notes.userId, userId)),
    db.$count(notes, eq(notes.userId, userId))
  ])
  assert.equal(first?.text, 'hello')
  assert.equal(Number(count), 1)
  return user
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
