/**
 * What a statement leaves on its session: the next user of the pool does not meet it.
 */
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { sessionChangeOf } from '../../src/client/session-change.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import { openPool, pidOf } from '../support/pools.ts'

const shared = createDatabase(t)

const LEAVES: [change: string, statement: string][] = [
  ['SET', "set search_path = 'pg_catalog'"],
  ['SET', "/* first */ -- and\n SET SESSION app.user_id = 'bob'"],
  ['SET', 'select 1; set role app_user'],
  ['SET', 'set session characteristics as transaction read only'],
  ['set_config', "select set_config('app.user_id', 'bob', false)"],
  ['set_config', "select set_config('app.user_id', 'bob', true), set_config('app.tenant', 'x', $1)"],
  ['temporary table', 'create temp table tasks (n int)'],
  ['temporary table', 'create temporary view v as select 1'],
  ['temporary table', 'select 1 as n into temp kept'],
  ['temporary table', 'create table pg_temp.tasks (n int)'],
  ['advisory lock', 'select pg_advisory_lock(1)'],
  ['advisory lock', 'select pg_try_advisory_lock_shared(1, 2)'],
  ['LISTEN', 'listen news'],
  ['PREPARE', 'prepare p as select 1'],
  ['LOAD', "load 'auto_explain'"],
  ['DO', "do $$ begin set app.user_id = 'bob'; end $$"],
  ['cursor WITH HOLD', 'declare c cursor with hold for select 1']
]

const LEAVES_NOTHING = [
  'update tasks set title = $1',
  'update tasks\nset title = $1',
  'set local search_path = pg_catalog',
  'set transaction read only',
  'set constraints all deferred',
  "select set_config('app.user_id', $1, true), set_config('role', $2, true)",
  'create temp table kept (n int) on commit drop',
  'select pg_advisory_xact_lock(1)',
  'prepare transaction $1',
  'reset search_path',
  'discard all',
  'unlisten *',
  'select temp from weather where load > 1 and do_it',
  'do $$ begin perform 1; end $$'
]

t.test('a statement', async t => {
  for (const [change, statement] of LEAVES)
    t.test(`leaves ${change} on its session: ${statement}`, async t => {
      t.equal(sessionChangeOf(statement), change)
    })
  for (const statement of LEAVES_NOTHING)
    t.test(`leaves nothing on its session: ${statement}`, async t => {
      t.equal(sessionChangeOf(statement), undefined)
    })
})

async function open(t: Test, pipelining: boolean) {
  const { pool, events } = await openPool(t, { max: 1, pipelining }, await shared)
  const changes = () => events.flatMap(event => (event.type === 'session-changed' ? event.change : []))
  return { pool, changes }
}

for (const pipelining of [true, false])
  t.test(`a connection of a pool that ${pipelining ? 'pipelines' : 'does not pipeline'}`, async t => {
    t.test('is closed after a statement that leaves something on it, and the next one is new', async t => {
      const { pool, changes } = await open(t, pipelining)
      const pids = new Set([await pidOf(pool)])

      await pool.query('set search_path = pg_temp')
      pids.add(await pidOf(pool))
      await pool.query('select pg_advisory_lock($1)', [11])
      pids.add(await pidOf(pool))
      await pool.query('create temp table tasks (n int)')
      pids.add(await pidOf(pool))

      t.equal(pids.size, 4)
      t.strictSame(changes(), ['SET', 'advisory lock', 'temporary table'])
      t.strictSame((await pool.query('select count(*)::int as n from tasks')).rows, [{ n: 0 }])
      const locks =
        'select 1 from pg_locks where locktype = $1 and database = (select oid from pg_database where datname = current_database())'
      t.strictSame((await pool.query(locks, ['advisory'])).rows, [])
    })

    t.test('is kept while its client is out, as for LISTEN', async t => {
      const { pool, changes } = await open(t, pipelining)
      const client = await pool.connect()
      const pid = await pidOf(client)
      await client.query('listen news')
      const heard = new Promise(resolve => client.on('notification', resolve))

      await administer("notify news, 'now'", await shared)

      t.match(await heard, { channel: 'news', payload: 'now' })
      t.equal(await pidOf(client), pid)
      client.release()
      t.strictSame(changes(), ['LISTEN'])
      t.not(await pidOf(pool), pid)
    })

    t.test(
      'is closed for a setting that the server tells of, whoever changed it, and kept when it is as before',
      async t => {
        const { pool, changes } = await open(t, pipelining)
        const client = await pool.connect()
        await client.query(
          `create or replace function pg_temp.shift() returns text language sql as $$ select set_config('TimeZone', 'Asia/Tokyo', true) $$`
        )
        await client.query('begin; set local timezone to "Asia/Tokyo"')
        await client.query('commit')
        client.release()
        t.strictSame(changes(), ['temporary table'])

        await administer(
          `create or replace function shift(zone text) returns text language sql as $$ select set_config('TimeZone', zone, 1 > 2) $$`,
          await shared
        )
        const pid = await pidOf(pool)
        await pool.query('begin; set local timezone to "Asia/Tokyo"; commit')
        t.equal(await pidOf(pool), pid)
        await pool.query("select shift('Asia/Tokyo')")
        t.not(await pidOf(pool), pid)
        t.strictSame(changes(), ['temporary table', 'TimeZone'])
      }
    )
  })

t.test('a read as a user that leaves something is alone on its connection, which is closed', async t => {
  const { pool, changes } = await open(t, true)
  const db = createDrizzle(pool, { role: 'app_user' })
  const alice = db.$withClaims({ 'app.user_id': 'alice' }, { readOnly: true })

  const [, ...rows] = await Promise.all([
    alice.execute(sql`select set_config('app.tenant', 'of alice', false)`),
    ...Array.from({ length: 20 }, () =>
      alice.execute(sql`select current_setting('app.tenant', true) as tenant`)
    )
  ])

  t.strictSame(new Set(rows.map(({ rows: [row] }) => row?.tenant || null)), new Set([null]))
  t.strictSame(changes(), ['set_config'])
})

t.test('claims that a session holds', async t => {
  const user = sql`select current_setting('app.user_id', true) as user, current_setting('app.tenant', true) as tenant`
  // By a function, so that nobody sees it, as what another client of a pooler has left.
  const leave = (name: string) => sql`select hold(${name})`

  async function openHolding(t: Test, options: Parameters<typeof createDrizzle>[1]) {
    await administer(
      `create or replace function hold(name text) returns text language sql as $$ select set_config(name, 'bob', 1 > 2) $$`,
      await shared
    )
    const { pool } = await open(t, true)
    await createDrizzle(pool).execute(leave('app.user_id'))
    await createDrizzle(pool).execute(leave('app.tenant'))
    return createDrizzle(pool, options)
  }

  t.test('are empty for a statement of a role, once $withClaims has named them', async t => {
    const db = await openHolding(t, { role: 'app_user' })
    const alice = db.$withClaims({ 'app.user_id': 'alice' })
    db.$withClaims({ 'app.tenant': 'x' })

    const none = { user: '', tenant: '' }
    t.strictSame((await db.execute(user)).rows, [none])
    t.strictSame((await db.transaction(tx => tx.execute(user))).rows, [none])
    t.strictSame((await db.$batch(batch => [batch.execute(user)]))[0].rows, [none])
    t.strictSame((await alice.execute(user)).rows, [{ user: 'alice', tenant: '' }])
  })

  t.test('are empty from the first statement on where they are named as an option', async t => {
    const db = await openHolding(t, { role: 'app_user', claims: ['app.user_id', 'app.tenant'] })

    t.strictSame((await db.execute(user)).rows, [{ user: '', tenant: '' }])
  })

  t.test('are seen where there is no role, whose statements go as they are', async t => {
    const db = await openHolding(t, { claims: ['app.user_id'] })

    t.strictSame((await db.execute(user)).rows, [{ user: 'bob', tenant: 'bob' }])
  })

  t.test('are named as claims are', async t => {
    const { pool } = await open(t, true)
    t.throws(() => createDrizzle(pool, { claims: ['role'] }), { code: 'FST_NEON_OPTION_INVALID' })
  })
})
