import { sql } from 'drizzle-orm'
import t from 'tap'
import { createDatabase } from '../../src/neon/database.ts'
import { openPool } from './pools.ts'

const circular: Record<string, unknown> = {}
circular.itself = circular

t.test('a value that cannot be sent', async t => {
  t.test('of a read costs no place', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const db = createDatabase(pool, { role: 'app_user' })

    for (let times = 0; times < 3; times += 1) {
      await t.rejects(db.execute(sql`select ${circular}::json`), { code: 'FST_NEON_STATEMENT_FAILED' })
      await t.rejects(pool.query('select $1::json', [circular]), TypeError)
      await t.rejects(
        db.$batch(tx => [tx.execute(sql`select ${circular}::json`)]),
        { code: 'FST_NEON_STATEMENT_FAILED' }
      )
    }

    t.match(pool.stats(), { held: 0, waiting: 0, idle: 1 })
    t.ok(await db.execute(sql`select 1`))
  })

  t.test('leaves the transaction that it would have begun as it is', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const db = createDatabase(pool, { role: 'app_user' })

    const { rows } = await db.transaction(async tx => {
      await t.rejects(tx.execute(sql`select ${circular}::json`))
      return tx.execute(sql`select current_user as role`)
    })

    t.strictSame(rows, [{ role: 'app_user' }])
    t.match(pool.stats(), { held: 0, idle: 1, connects: 1 })
  })
})

t.test('a name that stands for another text', async t => {
  const { pool } = await openPool(t, { max: 1 })
  const db = createDatabase(pool, { role: 'app_user' })

  for (let times = 0; times < 3; times += 1)
    for (const value of [1, 2]) {
      const asked = db
        .select({ value: sql`${sql.raw(String(value))}::int` })
        .from(sql`(values (1)) as one`)
        .prepare('same')
      t.strictSame(
        await asked.execute(),
        [{ value }],
        'is prepared for the first of them, and the other one has none'
      )
    }
})
