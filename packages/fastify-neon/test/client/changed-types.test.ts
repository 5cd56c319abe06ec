/**
 * A statement with a name whose parameters were of a type that its column has no more.
 */
import { sql } from 'drizzle-orm'
import t from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import { openPool } from '../support/pools.ts'

for (const [from, first, to, second] of [
  ['int', '1', 'bigint', '3000000000'],
  ['int', '1', 'text', 'one'],
  ['date', '2026-01-01', 'text', 'one']
] as const)
  t.test(
    `a column that was of ${from} and is of ${to} fails one statement of a connection at most`,
    async t => {
      const { pool, databaseUrl } = await openPool(t, { max: 1 })
      const db = createDatabase(pool)
      await administer(`create table changing (value ${from})`, databaseUrl)
      const insert = (value: string) =>
        db.transaction(tx => tx.execute(sql`insert into changing values (${value})`))
      const find = (value: string) => db.execute(sql`select value::text from changing where value = ${value}`)
      const update = (value: string) =>
        db.$batch(db => [db.execute(sql`update changing set value = ${value}`)])
      for (let times = 0; times < 3; times += 1) {
        await insert(first)
        await find(first)
        await update(first)
      }

      await administer(`alter table changing alter value type ${to}`, databaseUrl)

      for (const ask of [insert, find, update]) {
        await ask(second).catch(() => {})
        t.ok(await ask(second))
      }
      t.match((await find(second)).rows, [{ value: second }])
      t.equal(pool.stats().connects, 1)
    }
  )

t.test('a name of the caller fails in one checkout at most', async t => {
  const { pool, databaseUrl } = await openPool(t, { max: 1 })
  const insert = (value: string) => ({
    name: 'mine',
    text: 'insert into changing values ($1)',
    values: [value]
  })
  await administer('create table changing (value int)', databaseUrl)
  await pool.query(insert('1'))
  await administer('alter table changing alter value type bigint', databaseUrl)

  const client = await pool.connect()
  const asDriver = { code: '22003' }
  await t.rejects(client.query(insert('3000000000')), asDriver)
  await t.rejects(client.query(insert('3000000000')), asDriver)
  client.release()

  t.equal((await pool.query(insert('3000000000'))).rowCount, 1)
  t.equal(pool.stats().connects, 1)
})
