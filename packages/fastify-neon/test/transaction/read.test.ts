import { once } from 'node:events'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import type { NeonClient } from '../../src/client/client.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import { runRead } from '../../src/transaction/read.ts'
import { isRunning, killOthers } from '../support/notes.ts'
import { openPool } from '../support/pools.ts'
import { afterPiece, afterSend, breakLink, type Wire } from '../support/wire.ts'

const SETUP = `
  create table notes (body text);
  insert into notes values ('kept');
  create function noted() returns text language sql as $$ insert into notes values ('noted') returning body $$;
  grant all on notes to public`

async function open(t: Test, options: Partial<NeonPoolOptions> = {}) {
  const url = await createDatabase(t, { migrated: false })
  await administer(SETUP, url)
  const { pool, count } = await openPool(t, { max: 1, ...options }, url)
  const db = createDrizzle(pool, { role: 'app_user' })
  const pieces: string[][] = []
  pool.on('connect', (client: Wire) => afterPiece(client, texts => pieces.push(texts)))
  const stored = async () =>
    (await administer('select body from notes order by body', url)).map(({ body }) => body)
  return {
    url,
    pool,
    count,
    db,
    plain: createDrizzle(pool),
    alice: db.$withClaims({ 'app.user_id': 'alice' }),
    pieces,
    stored
  }
}

const bodies = sql`select body from notes`
const KEPT = [{ body: 'kept' }]

/** Breaks the link of each client behind the statement that begins like this. */
const breakBehind = (beginning: string) => (client: Wire) =>
  afterSend(client, text => {
    if (text.startsWith(beginning)) breakLink(client)
  })

t.test('a read as a user', async t => {
  t.test('is repeated when the link was lost in it, and at most twice', async t => {
    const { alice, pool, count } = await open(t)
    const lose = breakBehind('select body')
    let lost = 0
    pool.on('connect', (client: Wire) => {
      lost += 1
      if (lost <= 2) lose(client)
    })

    t.strictSame((await alice.execute(bodies)).rows, KEPT)
    t.equal(count('transaction-repeated'), 2)

    await pool.connect().then(client => client.release(true))
    pool.on('connect', lose)
    await t.rejects(alice.execute(bodies), { code: /^FST_NEON_(UNREACHABLE|CONNECTION_LOST)$/ })
    t.equal(count('transaction-repeated'), 4)
    t.match(pool.stats(), { total: 0, checkedOut: 0, waiting: 0 })
  })

  t.test('is told why there was no client, and is not repeated for it', async t => {
    const { alice, pool, count } = await open(t)
    await pool.end()

    await t.rejects(alice.execute(bodies), { code: 'FST_NEON_CLOSED' })

    t.equal(count('transaction-repeated'), 0)
    t.match(pool.stats(), { transactionsRolledBack: 1 })
  })

  t.test('that waits for a client longer than it may is told so', async t => {
    const { alice, pool } = await open(t, { checkoutTimeoutMs: 50 })
    const client = await pool.connect()

    await t.rejects(alice.execute(bodies), { code: 'FST_NEON_EXHAUSTED' })

    client.release()
  })

  t.test('counts as a transaction, with its outcome', async t => {
    const { alice, pool } = await open(t)

    await alice.execute(bodies)
    await t.rejects(alice.execute(sql`select 1 / 0`), { code: 'FST_NEON_INVALID_VALUE' })

    t.match(pool.stats(), { transactionsCommitted: 1, transactionsRolledBack: 1 })
  })

  t.test('of a function that is not known goes into a transaction, since it may write', async t => {
    const { alice, pieces, stored } = await open(t)

    t.strictSame((await alice.execute(sql`select noted()`)).rows, [{ noted: 'noted' }])

    t.match(pieces, [['BEGIN', /^SELECT set_config/, 'select noted()'], ['COMMIT']])
    t.strictSame(await stored(), ['kept', 'noted'])
  })

  t.test('that writes after all is done again in a transaction, and is remembered', async t => {
    const { alice, pool, pieces, stored, url } = await open(t)
    // As good as known, and changed behind its name.
    await administer(
      'create function public.lower(notes) returns text language sql as $$ select noted() $$',
      url
    )
    const text = sql`select lower(notes) from notes limit 1`

    t.strictSame((await alice.execute(text)).rows, [{ lower: 'noted' }])
    t.match(pieces, [
      [/transaction_read_only/, /^select lower/],
      ['BEGIN', /set_config/, /^select lower/],
      ['COMMIT']
    ])
    t.equal(pool.statementCache.of('select lower(notes) from notes limit 1').isQuery, false)
    pieces.length = 0

    await alice.execute(text)
    t.match(pieces, [['BEGIN', /set_config/, /^select lower/], ['COMMIT']], 'it is not tried as a read again')
    t.strictSame(await stored(), ['kept', 'noted', 'noted'])
  })

  t.test('is not done where it may write when its client may only read', async t => {
    const { db, pieces, stored } = await open(t)
    const reader = db.$withClaims({ 'app.user_id': 'alice' }, { readOnly: true })

    for (let time = 0; time < 2; time += 1)
      await t.rejects(reader.execute(sql`select noted()`), {
        code: 'FST_NEON_READ_ONLY',
        sqlState: '25006'
      })

    t.match(pieces, [
      [/transaction_read_only/, 'select noted()'],
      [/transaction_read_only/, 'select noted()']
    ])
    t.strictSame(await stored(), ['kept'])
  })

  t.test('works again after what it gives has changed under its plan', async t => {
    const { alice, url, count, pool } = await open(t)
    const all = sql`select * from notes`
    for (let time = 0; time < 4; time += 1) await alice.execute(all)
    await administer('alter table notes add column more int', url)

    t.strictSame((await alice.execute(all)).rows, [{ body: 'kept', more: null }])

    t.equal(count('transaction-repeated'), 1)
    t.equal(pool.stats().connects, 1)
  })

  t.test('that only waited behind others, until its time was over, is sent again', async t => {
    const { db, alice, count, pool } = await open(t, { statementTimeoutMs: 1500 })
    const reader = db.$withClaims({ 'app.user_id': 'bob' }, { readOnly: true })

    const slow = reader.execute(sql`select pg_sleep(60)`).then(result => result)
    const others = Promise.all(Array.from({ length: 5 }, () => alice.execute(bodies)))

    await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    for (const { rows } of await others) t.strictSame(rows, KEPT)
    await until(() => pool.stats().checkedOut === 0)
    t.equal(pool.waitingCount, 0)
    t.ok(count('transaction-repeated') <= 5)
  })

  t.test('that the end of another one meets in its place is sent again', async t => {
    const { pool, count, url } = await open(t)
    const taken: Promise<NeonClient[]> = once(pool, 'acquire')
    const pipeline = new Pipeline([{ text: 'select pg_sleep(60)' }])
    const ended = t.rejects(
      pool.runPipeline(() => pipeline),
      { code: '57014' }
    )
    const met = runRead(pool, { role: 'app_user' }, { text: 'select 7 as n from pg_sleep(2)' })
    const [client] = await taken
    await until(() => isRunning(url, 'pg_sleep.60'))

    await client?.giveUp(pipeline)
    await until(() => isRunning(url, 'pg_sleep.2'))
    await administer(`select pg_cancel_backend(${client?.processID})`, url)

    await ended
    t.match(await met, { rows: [{ n: 7 }] })
    t.equal(count('transaction-repeated'), 1)
  })

  t.test('that fails before its statement could not begin', async t => {
    const { pool, url } = await open(t)
    const alice = createDrizzle(pool, { role: 'no_such_role' }).$withClaims({ 'app.user_id': 'alice' })

    await t.rejects(alice.execute(bodies), { code: 'FST_NEON_STATEMENT_FAILED' })

    await t.resolves(pool.query('select 1'))
    t.notOk(await isRunning(url, 'select'))
  })
})

t.test('a statement as nobody in particular', async t => {
  t.test('is a pipeline of one when it only reads', async t => {
    const { plain, pieces } = await open(t)

    t.strictSame((await plain.execute(bodies)).rows, KEPT)

    t.strictSame(pieces, [['select body from notes']])
  })

  t.test('is not repeated when the link was lost in it', async t => {
    const { plain, pool, count } = await open(t)
    pool.once('connect', breakBehind('select body'))

    await t.rejects(plain.execute(bodies), { code: 'FST_NEON_CONNECTION_LOST' })

    t.equal(count('transaction-repeated'), 0)
    t.strictSame((await plain.execute(bodies)).rows, KEPT)
  })

  t.test('is repeated when the server has not executed it', async t => {
    const { plain, url, count } = await open(t)
    const all = sql`select * from notes`
    for (let time = 0; time < 4; time += 1) await plain.execute(all)
    await administer('alter table notes add column more int', url)

    t.strictSame((await plain.execute(all)).rows, [{ body: 'kept', more: null }])

    t.equal(count('transaction-repeated'), 1)
  })

  t.test('finds another client when its own is lost while it is free', async t => {
    const { plain, pool, url } = await open(t)
    await plain.execute(bodies)
    await killOthers(url)
    await until(() => pool.totalCount === 0)

    t.strictSame((await plain.execute(bodies)).rows, KEPT)
  })
})
