/**
 * Writes that are larger than any frame, in one transaction and in one statement.
 */
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/fastify-neon/src/drizzle/database.ts'
import { openPool } from '../../packages/fastify-neon/test/support/pools.ts'
import { administer } from '../support/postgres.ts'

const MEGABYTE = 1024 * 1024
const STORED = 'select count(*)::int as rows, sum(length(body))::int as bytes from large'

async function open(t: Test) {
  const { pool, databaseUrl } = await openPool(t, {
    statementTimeoutMs: 300_000,
    transactionTimeoutMs: 300_000
  })
  await administer('create table large (body text)', databaseUrl)
  return { pool, databaseUrl, db: createDatabase(pool) }
}

t.test('120 inserts of 1 MB at once in one transaction are stored', async t => {
  const { pool, databaseUrl, db } = await open(t)
  const body = 'x'.repeat(MEGABYTE)

  await db.transaction(async tx => {
    await Promise.all(
      Array.from({ length: 120 }, async () => tx.execute(sql`insert into large values (${body})`))
    )
  })

  t.strictSame(await administer(STORED, databaseUrl), [{ rows: 120, bytes: 120 * MEGABYTE }])
  t.match(pool.stats(), { connects: 1, clientsLost: 0 })
})

t.test('a single insert of 130 MB is stored', async t => {
  const { pool, databaseUrl, db } = await open(t)

  await db.execute(sql`insert into large values (${'x'.repeat(130 * MEGABYTE)})`)

  t.strictSame(await administer(STORED, databaseUrl), [{ rows: 1, bytes: 130 * MEGABYTE }])
  t.match(pool.stats(), { connects: 1, clientsLost: 0 })
})

t.test('a statement of more than 1 GB is refused by name, and the pool goes on', async t => {
  const { pool, databaseUrl } = await open(t)
  const huge = Buffer.alloc(1024 * MEGABYTE)

  await t.rejects(pool.query("insert into large values (encode($1, 'escape'))", [huge]), {
    message: 'a statement with its parameters takes at most 1 GB'
  })

  await pool.query("insert into large values ('x')")
  t.strictSame(await administer(STORED, databaseUrl), [{ rows: 1, bytes: 1 }])
  t.match(pool.stats(), { clientsLost: 0 })
})
