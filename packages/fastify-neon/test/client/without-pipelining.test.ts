import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { tasks } from '../../../../src/db/schema/tasks.ts'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { openPool } from '../support/pools.ts'
import { afterPiece, afterSend, breakLink, type Wire } from '../support/wire.ts'

async function open(t: Test) {
  const url = await createDatabase(t)
  await administer("insert into tasks (owner, title) values ('alice', 'of alice'), ('bob', 'of bob')", url)
  const { pool, count } = await openPool(t, { max: 1, pipelining: false }, url)
  const db = createDrizzle(pool, { role: 'app_user' })
  const pieces: string[][] = []
  pool.on('connect', (client: Wire) => afterPiece(client, texts => texts.length > 0 && pieces.push(texts)))
  const titles = async () =>
    (await administer('select title from tasks order by title', url)).map(({ title }) => title)
  const as = (user: string, readOnly = false) => db.$withClaims({ 'app.user_id': user }, { readOnly })
  return { url, pool, count, db, pieces, titles, as, alice: as('alice') }
}

const CLEAN = { total: 1, idle: 1, checkedOut: 0, waiting: 0 }
const ofAlice = [{ title: 'of alice' }]
const select = sql`select title from tasks`

t.test('without pipelining', async t => {
  t.test('a transaction begins before its work, in one message with role and claims', async t => {
    const { alice, pieces, pool } = await open(t)

    await alice.transaction(async tx => {
      t.match(pieces, [[/^BEGIN; SELECT set_config\('app\.user_id'.*set_config\('role'/]])
      await tx.execute(select)
      await tx.execute(sql`select ${1}::int`)
    })

    t.match(pieces, [[/^BEGIN; SELECT/], ['select title from tasks'], ['select $1::int'], ['COMMIT']])
    await until(() => pool.stats().checkedOut === 0)
    t.match(pool.stats(), CLEAN)
  })

  t.test('a read as a user is a transaction', async t => {
    const { alice, as, pieces, pool } = await open(t)

    t.strictSame((await alice.execute(select)).rows, ofAlice)
    t.match(pieces, [[/^BEGIN; SELECT/], ['select title from tasks'], ['COMMIT']])
    pieces.length = 0

    t.strictSame((await as('alice', true).execute(select)).rows, ofAlice)
    t.match(pieces, [[/^BEGIN read only; SELECT/], ['select title from tasks'], ['COMMIT']])
    await until(() => pool.stats().checkedOut === 0)
    t.match(pool.stats(), CLEAN)
  })

  t.test('a statement as nobody in particular is sent as it is', async t => {
    const { pool, pieces } = await open(t)

    t.strictSame((await createDrizzle(pool).execute(sql`select 1 as n`)).rows, [{ n: 1 }])

    t.strictSame(pieces, [['select 1 as n']])
  })

  t.test('each user has their own rows, whatever runs side by side', async t => {
    const { as, pool, titles } = await open(t)

    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const user = n % 2 === 0 ? 'alice' : 'bob'
        return n % 4 < 2
          ? as(user).select({ owner: tasks.owner }).from(tasks)
          : as(user).transaction(tx =>
              tx.update(tasks).set({ title: user }).returning({ owner: tasks.owner })
            )
      })
    )

    for (const [n, rows] of results.entries()) t.strictSame(rows, [{ owner: n % 2 === 0 ? 'alice' : 'bob' }])
    t.strictSame(await titles(), ['alice', 'bob'])
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('nothing is written where only reading is allowed', async t => {
    const { as, titles } = await open(t)

    await t.rejects(as('alice', true).delete(tasks), { code: 'FST_NEON_READ_ONLY', sqlState: '25006' })

    t.strictSame(await titles(), ['of alice', 'of bob'])
  })

  t.test('a transaction that fails is rolled back, and its client is clean', async t => {
    const { alice, pieces, pool, titles } = await open(t)

    await t.rejects(
      alice.transaction(async tx => {
        await tx.delete(tasks)
        throw new Error('business')
      }),
      { message: 'business' }
    )
    await t.rejects(
      alice.transaction(tx => tx.execute(sql`select 1 / 0`)),
      { cause: { code: '22012' } }
    )
    await t.rejects(
      alice.transaction(async tx => {
        await tx.execute(sql`select 1 / 0`).catch(() => {})
      }),
      { code: 'FST_NEON_ROLLED_BACK' }
    )

    t.strictSame(await titles(), ['of alice', 'of bob'])
    t.match(pieces.slice(0, 3), [[/^BEGIN/], [/^delete/], ['ROLLBACK']])
    t.match(pool.stats(), { ...CLEAN, connects: 1 })
  })

  t.test('the beginning is sent again when the link is lost at it', async t => {
    const { alice, pool, count } = await open(t)
    pool.once('acquire', breakLink)

    t.strictSame((await alice.execute(select)).rows, ofAlice)

    t.equal(count('transaction-repeated'), 1)
    t.equal(pool.stats().connects, 2)
  })

  t.test('a beginning that is refused is a failure, and nothing runs', async t => {
    const { pool, titles } = await open(t)
    const nobody = createDrizzle(pool, { role: 'no_such_role' }).$withClaims({ 'app.user_id': 'alice' })

    await t.rejects(nobody.delete(tasks), { code: 'FST_NEON_STATEMENT_FAILED' })
    await until(() => pool.stats().checkedOut === 0)
    await t.rejects(
      nobody.transaction(async () => t.fail('it has not begun')),
      { code: 'FST_NEON_STATEMENT_FAILED' }
    )

    t.strictSame(await titles(), ['of alice', 'of bob'])
  })

  t.test('a statement as a user is run again when the link was lost before its COMMIT', async t => {
    const { alice, pool, titles } = await open(t)
    let isLost = false
    pool.on('connect', (client: Wire) =>
      afterSend(client, text => {
        if (!text.startsWith('update') || isLost) return
        isLost = true
        breakLink(client)
      })
    )

    t.equal((await alice.update(tasks).set({ title: 'changed' })).rowCount, 1)

    t.strictSame(await titles(), ['changed', 'of bob'])
    t.equal(pool.stats().connects, 2)
  })

  t.test('the outcome of a lost COMMIT is found by the name of the transaction', async t => {
    const { alice, pool } = await open(t)
    pool.once('connect', (client: Wire) =>
      afterSend(client, text => {
        if (text === 'COMMIT') breakLink(client)
      })
    )

    const error = await alice
      .transaction(tx => tx.update(tasks).set({ title: 'changed' }), { trackCommitOutcome: true })
      .catch((error: unknown) => error)

    t.match(error, { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', xid: /^\d+$/ })
  })

  t.test('statements at once in a transaction keep their order', async t => {
    const { alice } = await open(t)

    const results = await alice.transaction(tx =>
      Promise.all(
        [1, 2, 3].map(n => tx.execute(sql`select ${n}::int as n, current_setting('app.user_id') as claim`))
      )
    )

    t.strictSame(
      results.map(({ rows: [row] }) => row),
      [1, 2, 3].map(n => ({ n, claim: 'alice' }))
    )
  })
})
