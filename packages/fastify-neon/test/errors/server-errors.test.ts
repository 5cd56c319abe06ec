/**
 * Errors that a real Postgres makes by itself, each as the failure that a route sees, and
 * the pool whole behind each.
 */
import { sql } from 'drizzle-orm'
import { integer, pgTable } from 'drizzle-orm/pg-core'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { NeonPool, PoolLimits } from '../../src/pool/pool.ts'
import { openPool, untilServed } from '../support/pools.ts'

const counts = pgTable('counts', { id: integer('id').primaryKey(), n: integer('n').notNull() })

async function open(t: Test, change: Partial<URL> = {}, max = 4, limits: Partial<PoolLimits> = {}) {
  const url = await createDatabase(t, { migrated: false })
  await administer('create table counts (id integer primary key, n integer not null)', url)
  await administer('insert into counts values (1, 0), (2, 0)', url)
  const address = Object.assign(new URL(url), change).href
  const { pool } = await openPool(t, { ...limits, max, applicationName: 'errors-test' }, address)
  return { db: createDrizzle(pool), pool, url }
}

type Drizzle = Awaited<ReturnType<typeof open>>['db']

/** Nobody waits, nobody holds a client, and the next statement is answered. */
async function expectWholePool(t: Test, { db, pool }: { db: Drizzle; pool: NeonPool }) {
  t.equal(pool.waitingCount, 0)
  t.ok(await db.execute(sql`select 1`))
  t.equal(pool.totalCount, pool.idleCount)
}

/** Resolves for each of two when both have come. */
function meeting() {
  let open = () => {}
  const both = new Promise<void>(resolve => {
    open = resolve
  })
  let came = 0
  return () => {
    came += 1
    if (came === 2) open()
    return both
  }
}

function raise(db: Drizzle, id: number) {
  return db.execute(sql`update counts set n = n + 1 where id = ${id}`)
}

t.test('of two transactions that meet', async t => {
  t.test('one is rolled back as contention when they cannot be put in an order (40001)', async t => {
    const opened = await open(t)
    const { db } = opened
    const bothHaveRead = meeting()
    const serially = (from: number, to: number) =>
      db.transaction(
        async tx => {
          await tx.execute(sql`select sum(n) from counts where id = ${from}`)
          await bothHaveRead()
          await tx.execute(sql`update counts set n = n + 1 where id = ${to}`)
        },
        { isolationLevel: 'serializable' }
      )

    const ends = await Promise.allSettled([serially(1, 2), serially(2, 1)])

    const [failed, ...others] = ends.filter(end => end.status === 'rejected')
    t.match(failed?.reason, {
      code: 'FST_NEON_CONTENTION',
      sqlState: '40001',
      retryable: true,
      statusCode: 409
    })
    t.equal(others.length, 0)
    await expectWholePool(t, opened)
  })

  t.test('one is rolled back as contention when each waits for the other (40P01)', async t => {
    const opened = await open(t)
    const { db } = opened
    const bothHold = meeting()
    const inOrder = (first: number, second: number) =>
      db.transaction(async tx => {
        await tx.execute(sql`update counts set n = n + 1 where id = ${first}`)
        await bothHold()
        await tx.execute(sql`update counts set n = n + 1 where id = ${second}`)
      })

    const ends = await Promise.allSettled([inOrder(1, 2), inOrder(2, 1)])

    const [failed, ...others] = ends.filter(end => end.status === 'rejected')
    t.match(failed?.reason, { code: 'FST_NEON_CONTENTION', sqlState: '40P01', retryable: true })
    t.equal(others.length, 0)
    await expectWholePool(t, opened)
  })

  t.test('one is rolled back as contention when it does not get its lock in time (55P03)', async t => {
    const opened = await open(t)
    const { db } = opened

    await db.transaction(async tx => {
      await tx.execute(sql`update counts set n = n + 1 where id = 1`)
      const other = db.transaction(async late => {
        await late.execute(sql`set local lock_timeout = 50`)
        await late.execute(sql`update counts set n = n + 1 where id = 1`)
      })
      await t.rejects(other, { code: 'FST_NEON_CONTENTION', sqlState: '55P03' })
    })

    await expectWholePool(t, opened)
  })
})

t.test('a deadline of the server', async t => {
  t.test('for a statement is a timeout, and its connection stays (57014)', async t => {
    const opened = await open(t, {}, 1)
    const { db } = opened
    const { rows: before } = await db.execute(sql`select pg_backend_pid() as pid`)

    const slow = db.transaction(async tx => {
      await tx.execute(sql`set local statement_timeout = 50`)
      await tx.execute(sql`select pg_sleep(30)`)
    })

    await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT', sqlState: '57014', repeatable: 'nothing' })
    t.strictSame((await db.execute(sql`select pg_backend_pid() as pid`)).rows, before)
    await expectWholePool(t, opened)
  })

  for (const [name, sqlState] of [
    ['idle_in_transaction_session_timeout', '25P03'],
    ['transaction_timeout', '25P04']
  ]) {
    t.test(`for a transaction is a lost connection (${name}, ${sqlState})`, async t => {
      const opened = await open(t)
      const { db, url } = opened

      const idle = db.transaction(async tx => {
        const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
        await tx.execute(sql.raw(`set local ${name} = 50`))
        const alive = `select 1 from pg_stat_activity where pid = ${rows[0]?.pid}`
        await until(async () => (await administer(alive, url)).length === 0)
        await tx.execute(sql`select 1`)
      })

      await t.rejects(idle, { code: 'FST_NEON_CONNECTION_LOST', repeatable: 'transaction' })
      await expectWholePool(t, opened)
    })
  }
})

t.test('a login', async t => {
  // Neon's proxy passes on what Postgres says at login, and makes every SQLSTATE this one.
  const sqlState = 'XX000'
  const logins: [string, Partial<URL>][] = [
    ['to a database that is not there', { pathname: '/nowhere' }],
    ['of a role that is not there', { username: 'nobody' }],
    ['with a wrong password', { password: 'not-the-password' }]
  ]
  for (const [title, change] of logins) {
    t.test(`${title} is refused, and never to be repeated`, async t => {
      const { db, pool } = await open(t, change)

      await t.rejects(raise(db, 1), {
        code: 'FST_NEON_REFUSED',
        sqlState,
        retryable: false,
        statusCode: 503
      })
      t.equal(pool.totalCount, 0)
    })
  }

  t.test('too many is told apart from a pool without a free client', async t => {
    const opened = await open(t, {}, 4, { connectTimeoutMs: 1000 })
    const name = new URL(opened.url).pathname.slice(1)
    await administer(`alter database ${name} connection limit 0`)

    await t.rejects(raise(opened.db, 1), {
      code: 'FST_NEON_TOO_MANY_CONNECTIONS',
      sqlState,
      retryable: true
    })
    await administer(`alter database ${name} connection limit -1`)
    await untilServed(opened.pool)

    await expectWholePool(t, opened)
  })
})

t.test('a value, a right and a mode', async t => {
  t.test('that the database does not take has the SQLSTATE and keeps the connection', async t => {
    const opened = await open(t, {}, 1)
    const { db } = opened
    const { rows: before } = await db.execute(sql`select pg_backend_pid() as pid`)

    await t.rejects(db.insert(counts).values({ id: 1, n: 0 }), {
      code: 'FST_NEON_CONFLICT',
      sqlState: '23505'
    })
    await t.rejects(db.execute(sql`insert into counts values (3, null)`), {
      code: 'FST_NEON_INVALID_VALUE',
      sqlState: '23502'
    })
    await t.rejects(db.execute(sql`select ${'\0'}::text`), {
      code: 'FST_NEON_INVALID_VALUE',
      sqlState: '22021'
    })
    await t.rejects(db.execute(sql`select 3000000000::int`), {
      code: 'FST_NEON_INVALID_VALUE',
      sqlState: '22003'
    })
    await t.rejects(
      db.transaction(tx => tx.insert(counts).values({ id: 3, n: 0 }), { accessMode: 'read only' }),
      { code: 'FST_NEON_READ_ONLY', sqlState: '25006' }
    )
    await t.rejects(
      db.transaction(async tx => {
        await tx.execute(sql`set local role pg_monitor`)
        await tx.execute(sql`delete from counts`)
      }),
      { code: 'FST_NEON_STATEMENT_FAILED', sqlState: '42501' }
    )

    t.strictSame((await db.execute(sql`select pg_backend_pid() as pid`)).rows, before)
    await expectWholePool(t, opened)
  })
})
