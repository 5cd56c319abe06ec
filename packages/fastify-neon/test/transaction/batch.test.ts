import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { tasks } from '../../../../src/db/schema/tasks.ts'
import { administer, atCommit } from '../../../../test/support/postgres.ts'
import { createDatabase } from '../../src/drizzle/database.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import { byLine, toldOf } from '../support/line.ts'
import { openPool } from '../support/pools.ts'
import { afterPiece, breakLink, loseAt, type Wire } from '../support/wire.ts'

const byTitle = () => byLine({ v0: () => tasks.title, v1: () => ({ title: 'asc' }) })
const ALICE = { 'app.user_id': 'alice' }
const NOT_A_QUERY = { code: 'FST_NEON_OPTION_INVALID' }

async function open(t: Test, options: Partial<NeonPoolOptions> = {}) {
  const { pool, databaseUrl, count } = await openPool(t, { max: 1, ...options })
  await administer("insert into tasks (owner, title) values ('bob', 'of bob')", databaseUrl)
  const db = createDatabase(pool, { ...toldOf({ tasks }), role: 'app_user' })
  const pieces: string[][] = []
  pool.on('connect', (client: Wire) => afterPiece(client, piece => pieces.push(piece)))
  const stored = async () =>
    (await administer("select title from tasks where owner = 'alice' order by title", databaseUrl)).map(
      ({ title }) => title
    )
  return {
    db,
    pool,
    alice: db.$withClaims(ALICE),
    reader: db.$withClaims(ALICE, { readOnly: true }),
    pieces,
    stored,
    count,
    databaseUrl
  }
}

const of = (title: string) => ({ owner: 'alice', title })

for (const pipelining of [true, false]) {
  t.test(`a batch, pipelining: ${pipelining}`, async t => {
    t.test('answers each of its queries, of whatever kind, in order', async t => {
      const { alice, stored } = await open(t, { pipelining })

      const [inserted, all, found, { rows }, count] = await alice.$batch(db => [
        db
          .insert(tasks)
          .values([of('one'), of('two')])
          .returning({ title: tasks.title }),
        db.select({ title: tasks.title }).from(tasks).orderBy(tasks.title),
        db.query.tasks.findFirst({ columns: { title: true }, orderBy: byTitle() }),
        db.execute<{ user: string }>(sql`select app.user_id() as user`),
        db.$count(tasks)
      ])

      t.strictSame(inserted, [{ title: 'one' }, { title: 'two' }])
      t.strictSame(all, [{ title: 'one' }, { title: 'two' }])
      t.strictSame(found, { title: 'one' })
      t.strictSame(rows, [{ user: 'alice' }])
      t.equal(count, 2)
      t.strictSame(await stored(), ['one', 'two'])
    })

    t.test('is kept as a whole or not at all', async t => {
      const { alice, stored, pool, databaseUrl } = await open(t, { pipelining })

      await t.rejects(
        alice.$batch(db => [
          db.insert(tasks).values(of('lost')),
          db.execute(sql`select 1 / 0`),
          db.insert(tasks).values(of('never'))
        ]),
        { name: 'DatabaseFailure', code: 'FST_NEON_INVALID_VALUE', sqlState: '22012' }
      )
      await atCommit(databaseUrl, 'tasks', "raise exception 'late' using errcode = '23505'")
      await t.rejects(
        alice.$batch(db => [db.insert(tasks).values(of('late'))]),
        { code: 'FST_NEON_CONFLICT', sqlState: '23505' }
      )

      t.strictSame(await stored(), [])
      t.match(pool.stats(), { checkedOut: 0, waiting: 0 })
    })

    t.test('writes nothing where nothing is to be written', async t => {
      const { reader, stored } = await open(t, { pipelining })

      await t.rejects(
        reader.$batch(db => [db.$count(tasks), db.insert(tasks).values(of('x'))]),
        { code: 'FST_NEON_READ_ONLY', sqlState: '25006' }
      )

      t.strictSame(await reader.$batch(db => [db.$count(tasks), db.$count(tasks)]), [0, 0])
      t.strictSame(await stored(), [])
    })

    t.test('of nothing is nothing', async t => {
      const { alice, pool } = await open(t, { pipelining })

      t.strictSame(await alice.$batch(() => []), [])

      t.equal(pool.stats().connects, 0)
    })

    t.test('is refused for a role that is not there, before anything is done', async t => {
      const { pool, stored } = await open(t, { pipelining })
      const alice = createDatabase(pool, { ...toldOf({ tasks }), role: 'no_such_role' }).$withClaims(ALICE)

      await t.rejects(
        alice.$batch(db => [db.insert(tasks).values(of('x'))]),
        { name: 'DatabaseFailure', code: 'FST_NEON_STATEMENT_FAILED' }
      )

      t.strictSame(await stored(), [])
    })

    t.test('takes nothing but single queries of the client that it gives', async t => {
      const { alice, stored } = await open(t, { pipelining })

      await t.rejects(
        alice.$batch(db => [db.insert(tasks).values(of('x')), alice.select().from(tasks)]),
        NOT_A_QUERY
      )
      await t.rejects(
        alice.$batch(db => [db.insert(tasks).values(of('x')), db.execute(sql`select 1; select 2`)]),
        NOT_A_QUERY
      )
      await t.rejects(
        alice.$batch(() => [Promise.resolve(1)]),
        NOT_A_QUERY
      )

      t.strictSame(await stored(), [])
    })
  })
}

t.test('a batch', async t => {
  t.test('leaves as one piece, with role and claims in front and no BEGIN', async t => {
    const { alice, reader, pieces } = await open(t)

    await alice.$batch(db => [db.execute(sql`select 1`), db.execute(sql`select 2`)])
    await reader.$batch(db => [db.execute(sql`select 1`)])

    t.match(pieces, [
      [/^SELECT set_config\('app\.user_id'/, 'select 1', 'select 2'],
      [/^SELECT set_config\('transaction_read_only'/, 'select 1']
    ])
  })

  t.test('of writes is not sent again when the link is lost in it, and its outcome is unknown', async t => {
    const { alice, pool, count } = await open(t)
    pool.once('acquire', (client: Wire) => loseAt(client, 0, 'behind', () => breakLink(client)))

    const lost = alice.$batch(db => [db.insert(tasks).values(of('once'))])

    await t.rejects(lost, { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' })
    t.equal(count('transaction-repeated'), 0)
    t.equal(pool.stats().transactionsUnknown, 1)
  })

  t.test('of writes that gets no answer in time has an unknown outcome', async t => {
    const { alice } = await open(t, { statementTimeoutMs: 1500 })

    await t.rejects(
      alice.$batch(db => [db.insert(tasks).values(of('x')), db.execute(sql`select pg_sleep(60)`)]),
      { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' }
    )
  })

  t.test('of reads is sent again, and twice at most', async t => {
    const { reader, pool, count } = await open(t)
    const lose = (client: Wire) => loseAt(client, 0, 'behind', () => breakLink(client))
    pool.once('acquire', lose)

    t.strictSame(await reader.$batch(db => [db.$count(tasks)]), [0])
    t.equal(count('transaction-repeated'), 1)

    pool.on('acquire', lose)
    await t.rejects(
      reader.$batch(db => [db.$count(tasks)]),
      { code: 'FST_NEON_UNREACHABLE' }
    )
    t.equal(count('transaction-repeated'), 3)
  })

  t.test('of reads shares its connection, unless one of them changes the session', async t => {
    const { reader, pool } = await open(t)
    const fly = pool.runPipeline.bind(pool)
    const alone: unknown[] = []
    pool.runPipeline = (create, options) => {
      alone.push(options?.isAlone)
      return fly(create, options)
    }

    await reader.$batch(db => [db.execute(sql`select 1`)])
    await reader.$batch(db => [
      db.execute(sql`select 1`),
      db.execute(sql`select set_config('app.user_id', 'bob', false)`)
    ])

    t.strictSame(alone, [false, true])
  })

  t.test('of reads that only waited behind others, until its time was over, is sent again', async t => {
    const { reader, count } = await open(t, { statementTimeoutMs: 1500 })
    const slow = t.rejects(
      reader.execute(sql`select pg_sleep(60)`).then(result => result),
      { code: 'FST_NEON_STATEMENT_TIMEOUT' }
    )

    const [titles] = await reader.$batch(db => [db.select({ title: tasks.title }).from(tasks)])

    t.strictSame(titles, [])
    t.equal(count('transaction-repeated'), 1)
    await slow
  })

  t.test('is sent again after a conflict with others, whose work is kept', async t => {
    const { alice, stored, count, databaseUrl } = await open(t)
    await administer('create sequence conflicts', databaseUrl)
    await atCommit(
      databaseUrl,
      'tasks',
      "if nextval('conflicts') = 1 then raise exception 'conflict' using errcode = '40001'; end if"
    )

    await alice.$batch(db => [db.insert(tasks).values(of('kept'))])

    t.strictSame(await stored(), ['kept'])
    t.equal(count('transaction-repeated'), 1)
  })

  t.test('throws why there is no client', async t => {
    const { alice, pool } = await open(t)
    await pool.end()

    await t.rejects(
      alice.$batch(db => [db.$count(tasks)]),
      { code: 'FST_NEON_CLOSED' }
    )
  })
})
