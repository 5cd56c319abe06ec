import { type SQL, sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { tasks } from '../../src/db/schema/tasks.ts'
import { createDatabase as createDrizzle } from '../../src/neon/database.ts'
import type { NeonPoolOptions } from '../../src/neon/pool.ts'
import { administer, createDatabase } from '../postgres.ts'
import { openPool } from './pools.ts'
import { openTransactionPooler } from './transaction-pooler.ts'

const USERS = ['alice', 'bob', 'carol']

async function open(
  t: Test,
  { sessions = 3, ...options }: Partial<NeonPoolOptions> & { sessions?: number } = {}
) {
  const url = await createDatabase(t)
  const pooler = await openTransactionPooler(t, url, sessions)
  const { pool, count } = await openPool(t, { max: 2, ...options }, pooler.through(url))
  const db = createDrizzle(pool, { schema: { tasks }, role: 'app_user' })
  const as = (user: string, readOnly = false) => db.$as({ 'app.user_id': user }, { readOnly })
  const rows = (user: string) => as(user, true).select({ owner: tasks.owner, title: tasks.title }).from(tasks)
  await administer("insert into tasks (owner, title) values ('alice', 'of alice'), ('bob', 'of bob')", url)
  return { url, pooler, pool, count, as, rows }
}

const WHO = sql`select current_user::text as role, current_setting('app.user_id', true) as claim`

t.test('behind a pooler that gives each transaction to another session', async t => {
  t.test(
    'everybody has their own rows, whatever runs side by side, and nothing stays on a session',
    async t => {
      const { url, pooler, as, rows } = await open(t)
      const mine = (user: string) => (found: { owner: string }[]) =>
        t.ok(
          found.every(({ owner }) => owner === user),
          `${user} sees what is ${user}’s`
        )

      for (let round = 0; round < 8; round += 1)
        await Promise.all(
          USERS.flatMap(user => [
            rows(user).then(mine(user)),
            rows(user).then(mine(user)),
            as(user)
              .insert(tasks)
              .values({ owner: user, title: `${round}` }),
            as(user).transaction(async tx => {
              await tx.insert(tasks).values({ owner: user, title: `${round} of two` })
              mine(user)(await tx.select().from(tasks))
            }),
            as(user).transaction(
              async tx => {
                mine(user)(await tx.select().from(tasks))
                mine(user)(await tx.select().from(tasks))
              },
              { accessMode: 'read only' }
            )
          ])
        )

      t.strictSame(await pooler.leftovers(), [])
      t.ok(
        pooler.transactions.every(count => count > 20),
        String(pooler.transactions)
      )
      t.ok(pooler.preparedAgain > 0, 'statements with a name went to sessions that did not have it')
      const stored = await administer(
        'select owner, count(*)::int as n from tasks group by owner order by owner',
        url
      )
      t.strictSame(stored, [
        { owner: 'alice', n: 17 },
        { owner: 'bob', n: 17 },
        { owner: 'carol', n: 16 }
      ])
    }
  )

  t.test('a flight is on one session from its first step to its last', async t => {
    const { as, pool } = await open(t, { max: 1 })

    for (let round = 0; round < 6; round += 1) {
      const [read, write, other] = await Promise.all([
        as('alice', true).execute(WHO),
        as(
          'bob'
        ).execute(sql`with made as (insert into tasks (owner, title) values ('bob', 'x') returning owner)
          select current_user::text as role, current_setting('app.user_id', true) as claim from made`),
        as('carol').transaction(tx => tx.execute(WHO), { trackOutcome: true })
      ])
      t.strictSame(read.rows, [{ role: 'app_user', claim: 'alice' }])
      t.strictSame(write.rows, [{ role: 'app_user', claim: 'bob' }])
      t.strictSame(other.rows, [{ role: 'app_user', claim: 'carol' }])
      const { rows } = await pool.query(
        `select current_user = session_user as same, nullif(current_setting('app.user_id', true), '') as claim`
      )
      t.strictSame(rows, [{ same: true, claim: null }])
    }
  })

  t.test('what fails, at whatever step, leaves no session that is not as new', async t => {
    const { pooler, as, rows } = await open(t)
    const nobody = as('alice').transaction(tx => tx.execute(sql`select 1 / 0`))

    await t.rejects(nobody, { code: 'FST_NEON_INVALID_VALUE', sqlState: '22012' })
    await t.rejects(as('alice', true).execute(sql`select 1 / 0`), {
      code: 'FST_NEON_INVALID_VALUE',
      sqlState: '22012'
    })
    await t.rejects(as('alice', true).execute(sql`delete from tasks`), {
      code: 'FST_NEON_STATEMENT_FAILED',
      sqlState: '25006'
    })
    await t.rejects(as('alice').insert(tasks).values({ owner: 'bob', title: 'x' }), {
      code: 'FST_NEON_STATEMENT_FAILED',
      sqlState: '42501'
    })
    await t.rejects(
      as('alice').transaction(async tx => {
        await tx.insert(tasks).values({ owner: 'alice', title: 'lost' })
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await rows('alice'), [{ owner: 'alice', title: 'of alice' }])
    t.strictSame(await rows('bob'), [{ owner: 'bob', title: 'of bob' }])
    t.strictSame(await pooler.leftovers(), [])
  })

  t.test('a named statement works on each session, also one that it was not prepared on', async t => {
    const { pooler, as } = await open(t)
    const prepared = USERS.map(user => ({
      user,
      statement: as(user, true).select({ owner: tasks.owner }).from(tasks).prepare('own_tasks')
    }))

    for (let round = 0; round < 4; round += 1)
      for (const { user, statement } of prepared)
        t.ok((await statement.execute()).every(({ owner }) => owner === user))

    t.ok(pooler.preparedAgain > 0)
    t.strictSame(await pooler.leftovers(), [])
  })

  t.test('advisory locks of a transaction end with it', async t => {
    const { pooler, as } = await open(t)

    await as('alice').transaction(async tx => {
      await tx.execute(sql`select pg_advisory_xact_lock(1)`)
      await tx.execute(sql`declare c cursor for select 1`)
    })
    await as('bob').transaction(tx => tx.execute(sql`select pg_advisory_xact_lock(1)`))

    t.strictSame(await pooler.leftovers(), [])
  })

  t.test(
    'a read that takes too long is ended on the session that it is on, and those behind it are served',
    async t => {
      const { pooler, as, pool, url } = await open(t, { max: 1, statementTimeoutMs: 300 })
      await pool.query('select 1')

      const read = async (user: string, query: SQL) => as(user, true).execute(query)
      const slow = read('alice', sql`select pg_sleep(60)`)
      const others = USERS.map(user => read(user, WHO))

      await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
      for (const [index, other] of others.entries())
        t.strictSame((await other).rows, [{ role: 'app_user', claim: USERS[index] }])
      t.ok(pool.stats().statementsCancelled >= 1)
      const sleeping =
        "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
      t.strictSame(await administer(sleeping, url), [])
      t.strictSame(await pooler.leftovers(), [])
    }
  )

  t.test('sees what a session keeps', async t => {
    const { pooler, pool } = await open(t)

    for (const statement of [
      'set role app_user',
      'reset role',
      "set app.user_id = 'alice'",
      'select pg_advisory_lock(1)',
      'create temporary table t (n int)',
      'prepare p as select 1',
      'set default_transaction_read_only = on'
    ])
      await pool.query(statement)

    const leftovers = await pooler.leftovers()
    for (const what of ['role', 'alice', 'advisory lock', 'temporary table', 'statement p', 'read only'])
      t.ok(
        leftovers.some(found => found.includes(what)),
        what
      )
  })
})
