import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { tasks } from '../../../../src/db/schema/tasks.ts'
import { administer } from '../../../../test/support/postgres.ts'
import { type Claims, createDatabase } from '../../src/drizzle/database.ts'
import { toldOf } from '../support/line.ts'
import { openPool } from '../support/pools.ts'
import { afterPiece, afterSend, breakLink, type Wire } from '../support/wire.ts'

const ROLE = 'app_user'
const ALICE = { 'app.user_id': 'alice' }
const DENIED = { code: 'FST_NEON_STATEMENT_FAILED', sqlState: '42501' }
const READ_ONLY = { code: 'FST_NEON_READ_ONLY', sqlState: '25006' }
const BOB = { 'app.user_id': 'bob' }

/** A row of alice and one of bob, and one connection for all. */
async function open(t: Test, { role }: { role?: string | undefined } = { role: ROLE }) {
  const { pool, databaseUrl, count } = await openPool(t, { max: 1 })
  await administer(
    "insert into tasks (owner, title) values ('alice', 'of alice'), ('bob', 'of bob')",
    databaseUrl
  )
  const db = createDatabase(pool, { ...toldOf({ tasks }), role })
  const pieces: string[][] = []
  pool.on('connect', (client: Wire) => afterPiece(client, piece => pieces.push(piece)))
  const stored = async () =>
    (await administer('select title from tasks order by title', databaseUrl)).map(({ title }) => title)
  return {
    db,
    pool,
    databaseUrl,
    pieces,
    stored,
    count,
    alice: db.$withClaims(ALICE),
    bob: db.$withClaims(BOB)
  }
}

const identity = "SELECT set_config('app.user_id', $1, true), set_config('role', $2, true), $3::text"
const readOnly =
  "SELECT set_config('transaction_read_only', $1, true), set_config('app.user_id', $2, true), set_config('role', $3, true), $4::text"

const titlesOf = (rows: readonly Record<string, unknown>[]) => rows.map(({ title }) => title)

t.test('a client with claims', async t => {
  t.test('sees the rows of its user by each way of asking', async t => {
    const { alice } = await open(t)
    const prepared = alice.select().from(tasks).prepare('all_tasks')

    t.strictSame(titlesOf(await alice.select().from(tasks)), ['of alice'])
    t.strictSame(titlesOf(await alice.query.tasks.findMany()), ['of alice'])
    t.strictSame(titlesOf((await alice.execute(sql`select * from tasks`)).rows), ['of alice'])
    t.strictSame(titlesOf(await prepared.execute()), ['of alice'])
    t.strictSame(titlesOf(await prepared.execute()), ['of alice'])
    t.equal(await alice.$count(tasks), 1)
    t.strictSame(
      titlesOf(
        await alice
          .with(alice.$with('all').as(alice.select().from(tasks)))
          .select()
          .from(tasks)
      ),
      ['of alice']
    )
    t.strictSame(titlesOf(await alice.transaction(tx => tx.select().from(tasks))), ['of alice'])
    t.strictSame(
      titlesOf(await alice.transaction(tx => tx.transaction(inner => inner.query.tasks.findMany()))),
      ['of alice']
    )
  })

  t.test('changes the rows of its user and no other, by each way of asking', async t => {
    const { alice, stored } = await open(t)

    t.strictSame(titlesOf(await alice.update(tasks).set({ title: 'changed' }).returning()), ['changed'])
    await alice.execute(sql`update tasks set title = title || '!'`)
    await alice.transaction(tx => tx.transaction(inner => inner.update(tasks).set({ notes: 'x' })))
    t.strictSame(await stored(), ['changed!', 'of bob'])
    await alice.delete(tasks)
    t.strictSame(await stored(), ['of bob'])
  })

  t.test('leaves nothing of them on the connection', async t => {
    const { alice, bob, db, pool } = await open(t)
    const asked = sql`select current_user::text as role, current_setting('app.user_id', true) as claim`

    t.strictSame((await alice.execute(asked)).rows, [{ role: ROLE, claim: 'alice' }])
    t.strictSame((await db.execute(asked)).rows, [{ role: ROLE, claim: '' }])
    t.strictSame((await bob.execute(asked)).rows, [{ role: ROLE, claim: 'bob' }])
    const { rows } = await pool.query('select current_user::text as role, app.user_id() as claim')
    t.strictSame(rows, [{ role: 'neondb_owner', claim: null }])
    t.equal(pool.stats().connects, 1)
  })

  t.test('H12 sees nothing without a claim, also when the connection has carried one', async t => {
    const { db, alice } = await open(t)

    t.strictSame(await db.select().from(tasks), [])
    t.equal((await alice.select().from(tasks)).length, 1)
    t.strictSame(await db.select().from(tasks), [])
    t.strictSame(await db.transaction(tx => tx.query.tasks.findMany()), [])
    await t.rejects(db.insert(tasks).values({ owner: 'alice', title: 'x' }), DENIED)
  })

  t.test('keeps the role of the login without one', async t => {
    const { db, alice } = await open(t, {})

    t.equal((await db.select().from(tasks)).length, 2)
    const { rows } = await alice.execute(sql`select current_user::text as role, app.user_id() as claim`)
    t.strictSame(rows, [{ role: 'neondb_owner', claim: 'alice' }])
  })

  t.test('H4 cannot make a row for another user', async t => {
    const { alice, stored } = await open(t)

    await t.rejects(alice.insert(tasks).values({ owner: 'bob', title: 'x' }), DENIED)
    await t.rejects(
      alice.execute(sql`insert into tasks (owner, title) select 'bob', title from tasks`),
      DENIED
    )
    t.strictSame(await stored(), ['of alice', 'of bob'])
  })

  t.test('H3 cannot give a row to another user', async t => {
    const { alice, stored } = await open(t)

    await t.rejects(alice.update(tasks).set({ owner: 'bob' }), DENIED)
    await t.rejects(alice.execute(sql`truncate tasks`), DENIED)
    t.strictSame(await stored(), ['of alice', 'of bob'])
  })

  t.test('H5 learns nothing of the id of a row of another user', async t => {
    const { alice, databaseUrl } = await open(t)
    const [row] = await administer("select id from tasks where owner = 'bob'", databaseUrl)
    const id = String(row?.id)

    t.equal((await alice.insert(tasks).values({ id, owner: 'alice', title: 'x' })).rowCount, 1)
    const again = alice.insert(tasks).values({ id, owner: 'alice', title: 'x' }).onConflictDoNothing()
    t.equal((await again).rowCount, 0, 'but of its own')
  })

  t.test('H7 counts what its user has', async t => {
    const { alice } = await open(t)

    t.equal(await alice.$count(tasks), 1)
    const { rows } = await alice.execute(sql`select count(*)::int as n, max(title) as last from tasks`)
    t.strictSame(rows, [{ n: 1, last: 'of alice' }])
  })

  t.test('H8 has no error of a row of another user', async t => {
    const { alice, databaseUrl } = await open(t)
    await administer("update tasks set title = 'zero' where owner = 'bob'", databaseUrl)

    // Division is not leakproof, so it is done after the policy.
    const rows = await alice
      .select()
      .from(tasks)
      .where(sql`1 / (case when ${tasks.title} = 'zero' then 0 else 1 end) = 1`)
    t.strictSame(titlesOf(rows), ['of alice'])
  })

  t.test('reads and does not write when it is to', async t => {
    const { db, pieces } = await open(t)
    const reader = db.$withClaims(ALICE, { readOnly: true })

    t.equal((await reader.select().from(tasks)).length, 1)
    await t.rejects(reader.delete(tasks), READ_ONLY)
    await t.rejects(
      reader.transaction(tx => tx.delete(tasks), { accessMode: 'read write' }),
      READ_ONLY
    )
    const begins = pieces.flat().filter(text => text.startsWith('BEGIN'))
    t.ok(begins.length > 0)
    t.ok(begins.every(text => text === 'BEGIN read only'))
  })

  t.test(
    'sends role and claims in one pipeline with a read, and BEGIN with them and the first statement of a write',
    async t => {
      const { alice, pieces } = await open(t)

      await alice.execute(sql`select 1`)
      t.strictSame(pieces, [[readOnly, 'select 1']])
      pieces.length = 0

      await alice.update(tasks).set({ title: 'x' })
      t.match(pieces, [['BEGIN', identity, /^update "tasks"/], ['COMMIT']])
      pieces.length = 0

      await alice.transaction(async tx => {
        await tx.execute(sql`select 1`)
        await tx.execute(sql`select 2`)
      })
      t.strictSame(pieces, [['BEGIN', identity, 'select 1'], ['select 2'], ['COMMIT']])
      pieces.length = 0

      await alice.execute(sql`select 1; select 2`)
      t.match(pieces, [[/^BEGIN; SELECT set_config\(/], ['select 1; select 2'], ['COMMIT']])
    }
  )

  t.test('takes no statement behind an end that the work itself sent', async t => {
    const { alice, stored } = await open(t)

    for (const end of ['commit', 'rollback'])
      await t.rejects(
        alice.transaction(async tx => {
          await tx.execute(sql.raw(end))
          return tx.select().from(tasks)
        }),
        { code: 'FST_NEON_TRANSACTION_OVER' }
      )
    const undone = alice.transaction(async tx => {
      await tx.delete(tasks)
      await tx.execute(sql`rollback`)
    })
    await t.rejects(undone, { code: 'FST_NEON_TRANSACTION_OVER' }, 'and nobody is told that it was committed')
    t.strictSame(await stored(), ['of alice', 'of bob'])
  })

  t.test('cannot work as a role that is not there, or that the login may not switch to', async t => {
    for (const [role, code] of [
      ['no_such_role', 'FST_NEON_STATEMENT_FAILED'],
      ['pg_write_server_files', 'FST_NEON_REFUSED']
    ] as const) {
      const { db, stored, pool } = await open(t, { role })
      const alice = db.$withClaims(ALICE)

      await t.rejects(alice.select().from(tasks), { code }, role)
      await t.rejects(alice.delete(tasks), { code }, role)
      await t.rejects(
        alice.transaction(tx => tx.delete(tasks)),
        { code },
        role
      )
      t.strictSame(await stored(), ['of alice', 'of bob'])
      t.equal(pool.idleCount, 0, 'no connection in doubt is kept')
    }
  })

  t.test('takes no claim that is none', async t => {
    const { db } = await open(t)

    for (const claims of [{ role: 'x' }, { 'app.user_id': '' }, { 'app.user_id': 'a\0' }] as Claims[])
      t.throws(() => db.$withClaims(claims), { code: 'FST_NEON_OPTION_INVALID' })
  })

  t.test('has no way to the pool', async t => {
    const { alice } = await open(t)

    t.notOk('$client' in alice)
    t.notOk('$withClaims' in alice)
    const { client } = (alice as unknown as { session: { client: Record<string, unknown> } }).session
    t.equal(client.connect, undefined)
  })
})

t.test('a statement with claims', async t => {
  t.test('is run again when the link is lost in a read, or in a write before its COMMIT', async t => {
    const { db, pool, count } = await open(t)
    const reader = db.$withClaims(ALICE, { readOnly: true })
    pool.once('acquire', (client: Wire) => breakAt(client, readOnly))

    t.strictSame(titlesOf(await reader.select().from(tasks)), ['of alice'])
    t.equal(count('transaction-repeated'), 1)

    pool.once('acquire', (client: Wire) => breakAt(client, 'BEGIN'))
    t.equal((await db.$withClaims(ALICE).update(tasks).set({ title: 'of alice' })).rowCount, 1)
  })

  t.test('is not run again when the COMMIT of a write was lost', async t => {
    const { alice, pool, count } = await open(t)
    pool.once('acquire', (client: Wire) => breakAt(client, 'COMMIT'))

    await t.rejects(alice.update(tasks).set({ title: 'x' }), { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' })

    t.equal(count('transaction-repeated'), 0)
  })
})

/** Breaks the link behind the statement. */
function breakAt(client: Wire, statement: string) {
  afterSend(client, text => {
    if (text === statement) breakLink(client)
  })
}
