import { sql } from 'drizzle-orm'
import t from 'tap'
import { createDatabase } from '../../src/drizzle/database.ts'
import { openPool } from '../support/pools.ts'

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

    t.match(pool.stats(), { checkedOut: 0, waiting: 0, idle: 1 })
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
    t.match(pool.stats(), { checkedOut: 0, idle: 1, connects: 1 })
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

for (const pipelining of [true, false])
  t.test(
    `an error of the application before anything is sent, ${pipelining ? 'with' : 'without'} pipelining`,
    async t => {
      const { pool } = await openPool(t, { max: 1, pipelining })
      const db = createDatabase(pool)
      const asUser = createDatabase(pool, { role: 'app_user' }).$withClaims({ 'app.user_id': 'alice' })
      const failureOf = (work: Promise<unknown>) =>
        work.then(
          () => undefined,
          (error: unknown) => error
        )

      t.test('of a value is the cause of the failure', async t => {
        for (const own of [new TypeError('no such unit'), new Error('no such unit')]) {
          const value = sql.param({
            toPostgres() {
              throw own
            }
          })
          for (const each of [db, asUser])
            t.match(await failureOf(each.execute(sql`insert into tasks (title) values (${value})`)), {
              code: 'FST_NEON_STATEMENT_FAILED',
              reason: 'value',
              cause: own
            })
          t.match(await failureOf(asUser.$batch(batch => [batch.execute(sql`select ${value}`)])), {
            cause: own
          })
          t.match(await failureOf(db.transaction(tx => tx.execute(sql`select ${value}`))), { cause: own })
        }
      })

      t.test('of too many parameters says so', async t => {
        const many = Array.from({ length: 70_000 }, (_, index) => index)
        const told = {
          code: 'FST_NEON_STATEMENT_FAILED',
          reason: 'value',
          cause: {
            message:
              'a statement takes at most 65535 parameters, and this one has 70000: insert fewer rows at once'
          }
        }

        for (const each of [db, asUser])
          t.match(await failureOf(each.execute(sql`select 1 where 1 in ${many}`)), told)
        await t.rejects(pool.query('select $1', many), told.cause)
      })

      await t.test('of COPY without a stream is told from a timeout', async t => {
        t.match(await failureOf(db.execute(sql`copy tasks from stdin`)), {
          code: 'FST_NEON_STATEMENT_FAILED',
          sqlState: '57014',
          reason: 'copy'
        })
      })

      t.match(pool.stats(), { checkedOut: 0, idle: 1, connects: 1, clientsLost: 0 })
    }
  )
