import assert from 'node:assert/strict'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import { runner } from 'node-pg-migrate'

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })

async function migrate(direction) {
  const dbClient = await app.db.$client.connect()
  try {
    const done = await runner({ dbClient, direction, dir: 'migrations', migrationsTable: 'pgmigrations' })
    return done.map(({ name }) => name)
  } finally {
    dbClient.release()
  }
}

app.get('/work', async () => {
  await migrate('up')
  assert.deepEqual(await migrate('up'), [])
  assert.deepEqual(await migrate('down'), ['1_notes'])
  return {}
})

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
