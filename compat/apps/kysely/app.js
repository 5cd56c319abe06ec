import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import db from 'fastify-neon/db'
import { Kysely, PostgresDialect, sql } from 'kysely'
import Cursor from 'pg-cursor'

const ROWS = 250

const app = fastify({ logger: true })
await app.register(db, { connectionString: process.env.DATABASE_URL })

const kysely = new Kysely({ dialect: new PostgresDialect({ pool: app.db.$client, cursor: Cursor }) })
const numbers = sql`generate_series(1, ${sql.lit(ROWS)})`.as('numbers')

async function work() {
  const query = kysely.selectFrom(numbers).selectAll()
  let count = 0
  for await (const _ of query.stream(100)) count += 1
  assert.equal(count, ROWS)
  // Left early: the client goes back to the pool all the same.
  for await (const _ of query.stream(100)) break
  const greeting = await kysely.transaction().execute(async trx => {
    await trx.schema.createTable('greetings').temporary().onCommit('drop').addColumn('text', 'text').execute()
    return await trx.insertInto('greetings').values({ text: 'hello' }).returningAll().executeTakeFirst()
  })
  assert.deepEqual(greeting, { text: 'hello' })
  return greeting
}

// A stream whose connection is lost never ends, on node-postgres too: pg-cursor waits for an answer when it is closed.
app.get('/work', () => Promise.race([work(), late()]))

async function late() {
  await sleep(10_000, undefined, { ref: false })
  throw new Error('late')
}

process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
