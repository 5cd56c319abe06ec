/**
 * `db.$replica`: reads on a read replica, and on the primary while it cannot be reached. The replica is another database
 * that refuses writes, by a way that can be shut. test/soak/standby.soak.ts has a real standby.
 */
import { sql } from 'drizzle-orm'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { captureLog, until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { findDatabases } from '../../src/plugins/databases.ts'
import dbPlugin, { type DbOptions } from '../../src/plugins/db.ts'
import { ReplicaPool } from '../../src/pool/replica-pool.ts'
import { openRelay } from '../support/relay.ts'

const READ_ONLY = { code: 'FST_NEON_READ_ONLY', sqlState: '25006' }
const WHERE = sql`select current_database() as name, current_setting('transaction_read_only') as only`

const nameOf = (url: string) => new URL(url).pathname.slice(1)

/** A database with as many replicas, each at a way of its own. */
async function open(
  t: Test,
  { replicas = 1, ...options }: Partial<Omit<DbOptions, 'replicas'>> & { replicas?: number } = {}
) {
  const primaryUrl = await createDatabase(t, { migrated: false })
  const ways = []
  for (let number = 0; number < replicas; number += 1) {
    const url = await createDatabase(t, { migrated: false })
    await administer(`alter database ${nameOf(url)} set default_transaction_read_only = on`)
    ways.push(await openRelay(t, url))
  }
  const { logs, stream } = captureLog(primaryUrl)
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  const urls = ways.map(({ url }) => url)
  await app.register(dbPlugin, Object({ ...options, connectionString: primaryUrl, replicas: urls }))
  await app.ready()
  const poolOf = (number: number) => {
    const pool = findDatabases(app)?.find(`db-replica-${number}`)?.pool
    if (!(pool instanceof ReplicaPool)) throw new Error('no pool of a replica')
    return pool
  }
  return {
    app,
    ways,
    primary: nameOf(primaryUrl),
    names: urls.map(nameOf),
    poolOf,
    untilReached: () =>
      until(() =>
        urls.every((_url, index) => poolOf(index + 1).isReachable && poolOf(index + 1).idleCount > 0)
      ),
    where: async () => (await app.db.$replica.execute<{ name: string; only: string }>(WHERE)).rows[0],
    said: (database: string) => logs.filter(line => line.database === database).map(({ msg }) => msg)
  }
}

t.test('$replica', async t => {
  t.test('reads on the replica, and db on the primary', async t => {
    const { app, names, primary, untilReached, where, said } = await open(t)
    await untilReached()

    t.strictSame(await where(), { name: names[0], only: 'on' })
    t.strictSame((await app.db.execute(WHERE)).rows, [{ name: primary, only: 'off' }])
    t.strictSame(said('db-replica-1'), ['read replica reached'])
  })

  t.test('is on the primary, READ ONLY, where there is no replica', async t => {
    const { app, primary, where } = await open(t, { replicas: 0 })

    t.strictSame(await where(), { name: primary, only: 'on' })
    await t.rejects(app.db.$replica.execute(sql`create table t ()`), READ_ONLY)
  })

  for (const isReached of [true, false]) {
    t.test(`refuses what writes, the replica reached or not: ${isReached}`, async t => {
      const { app, ways, untilReached, poolOf } = await open(t)
      await untilReached()
      if (!isReached) {
        ways[0]?.shut()
        await until(() => !poolOf(1).isReachable || app.db.$replica.execute(WHERE).then(() => false))
      }
      const { $replica } = app.db
      const alice = $replica.$withClaims({ 'app.user_id': 'alice' }, { readOnly: false })

      for (const client of [$replica, alice]) {
        await t.rejects(client.execute(sql`create table t ()`), READ_ONLY)
        await t.rejects(
          client.transaction(async tx => tx.execute(sql`create table t ()`), { accessMode: 'read write' }),
          READ_ONLY
        )
        await t.rejects(
          client.$batch(db => [db.execute(sql`create table t ()`)]),
          READ_ONLY
        )
        await t.rejects(
          client.transaction(async tx => {
            await tx.execute(sql`set transaction read write`)
            await tx.execute(sql`create table t ()`)
          })
        )
      }
      const message = await $replica.execute(sql`create table t ()`).catch(({ message }) => message)
      t.match(message, /only reads are allowed: on a read replica/)
    })
  }

  t.test('has the role and the claims of its database', async t => {
    const { app, names, untilReached } = await open(t, { role: 'pg_monitor' })
    await untilReached()
    const who = sql`select current_database() as name, current_user as role, current_setting('app.user_id', true) as claim`

    const alice = app.db.$replica.$withClaims({ 'app.user_id': 'alice' })

    t.strictSame((await alice.execute(who)).rows, [{ name: names[0], role: 'pg_monitor', claim: 'alice' }])
    t.match((await app.db.$replica.execute(who)).rows, [{ name: names[0], role: 'pg_monitor', claim: '' }])
    t.match(await alice.transaction(async tx => (await tx.execute(who)).rows), [{ claim: 'alice' }])
  })

  t.test('is on the primary from the loss of the replica to its return, with a line for each', async t => {
    // No request waits for the replica.
    const patient = { connectTimeoutMs: 600_000 }
    const { ways, names, primary, untilReached, where, said, poolOf } = await open(t, patient)
    await untilReached()

    ways[0]?.shut()
    for (let times = 0; times < 20; times += 1) t.strictSame(await where(), { name: primary, only: 'on' })
    t.ok(poolOf(1).stats().replicaFallbacks >= 20)
    t.equal(poolOf(1).isReachable, false)

    await ways[0]?.open()
    await untilReached()
    const { replicaFallbacks } = poolOf(1).stats()
    t.strictSame(await where(), { name: names[0], only: 'on' })
    t.equal(poolOf(1).stats().replicaFallbacks, replicaFallbacks)
    t.strictSame(
      said('db-replica-1').filter(line => /read replica/.test(`${line}`)),
      ['read replica reached', 'read replica not reached', 'read replica reached']
    )
  })

  t.test('waits for no replica that was never reached, refused or silent', async t => {
    for (const fault of ['shut', 'hold'] as const) {
      const connectionString = await createDatabase(t, { migrated: false })
      const way = await openRelay(t, connectionString)
      way[fault]()
      const app = fastify()
      t.teardown(() => app.close())
      const options = { connectionString, connectTimeoutMs: 600_000, replicas: [way.url] }

      await app.register(dbPlugin, Object(options))
      await app.ready()

      const { rows } = await app.db.$replica.execute(WHERE)
      t.strictSame(rows, [{ name: nameOf(connectionString), only: 'on' }])
      const inTransaction = await app.db.$replica.transaction(async tx => (await tx.execute(WHERE)).rows)
      t.strictSame(inTransaction, rows)
      await app.close()
    }
  })

  t.test('is not the primary for a statement that the replica refuses', async t => {
    const { app, untilReached, poolOf } = await open(t, { role: 'pg_monitor' })
    await untilReached()

    await t.rejects(app.db.$replica.execute(sql`select * from pg_authid`), {
      code: 'FST_NEON_STATEMENT_FAILED',
      sqlState: '42501'
    })
    t.equal(poolOf(1).stats().replicaFallbacks, 0)
  })

  t.test('is on both while the replica takes no more connections', async t => {
    const { app, names, primary, untilReached, where, poolOf } = await open(t, { maxPipelined: 1 })
    await untilReached()
    await administer(`alter database ${names[0]} connection limit 1`)
    const client = await poolOf(1).checkoutOwn()

    t.equal((await where())?.name, primary)
    const rows = await app.db.$replica.transaction(async tx => (await tx.execute(WHERE)).rows)
    t.strictSame(rows, [{ name: primary, only: 'on' }])
    t.equal(poolOf(1).isReachable, true)

    client.release()
    await until(async () => (await where())?.name === names[0])
  })

  t.test('repeats on the primary a read in whose midst the replica was lost', async t => {
    const { app, ways, primary, untilReached, poolOf } = await open(t)
    await untilReached()
    const slow = sql`select current_database() as name
      from pg_sleep(case current_database() when ${primary} then 0 else 60 end)`

    const reading = app.db.$replica.execute(slow).then(({ rows }) => rows)
    await until(() => poolOf(1).stats().checkedOut === 1)
    ways[0]?.shut()

    t.strictSame(await reading, [{ name: primary }])
  })

  t.test('begins a transaction on the primary when no connection of the replica could be had', async t => {
    const { app, ways, primary, untilReached } = await open(t)
    await untilReached()
    ways[0]?.shut()
    let runs = 0

    const rows = await app.db.$replica.transaction(async tx => {
      runs += 1
      return (await tx.execute(WHERE)).rows
    })

    t.strictSame(rows, [{ name: primary, only: 'on' }])
    t.equal(runs, 1)
  })

  t.test('runs work again on the primary only as often as retry says', async t => {
    for (const retry of [0, 1]) {
      const { app, ways, primary, untilReached } = await open(t)
      await untilReached()
      let runs = 0
      const read = () =>
        app.db.$replica.transaction(
          async tx => {
            runs += 1
            await tx.execute(WHERE)
            if (runs === 1) ways[0]?.shut()
            return (await tx.execute(WHERE)).rows
          },
          { retry }
        )

      if (retry === 0) await t.rejects(read(), { code: 'FST_NEON_CONNECTION_LOST' })
      else t.strictSame(await read(), [{ name: primary, only: 'on' }])
      t.equal(runs, retry + 1)
    }
  })

  t.test('takes several replicas in turn, and leaves out the one that cannot be reached', async t => {
    const { ways, names, untilReached, where, poolOf } = await open(t, { replicas: 2 })
    await untilReached()
    const seen = async (times: number) => {
      const found = new Set<string | undefined>()
      for (let time = 0; time < times; time += 1) found.add((await where())?.name)
      return [...found].sort()
    }

    t.strictSame(await seen(4), [...names].sort())
    ways[0]?.shut()
    await until(async () => (await where()) !== undefined && !poolOf(1).isReachable)
    t.strictSame(await seen(4), [names[1]])
  })

  t.test('is not the primary when the pool of the replica is full', async t => {
    const { app, untilReached, poolOf } = await open(t, { max: 1, checkoutTimeoutMs: 100 })
    await untilReached()
    const client = await poolOf(1).checkoutOwn()

    await t.rejects(
      app.db.$replica.transaction(async tx => tx.execute(WHERE)),
      { code: 'FST_NEON_EXHAUSTED' }
    )
    await t.rejects(app.db.$replica.execute(WHERE), { code: 'FST_NEON_EXHAUSTED' })
    t.equal(poolOf(1).stats().replicaFallbacks, 0)
    client.release()
  })

  t.test('has limits of its own, and otherwise those of its primary', async t => {
    const connectionString = await createDatabase(t, { migrated: false })
    const app = fastify()
    t.teardown(() => app.close())
    const replicas = [connectionString, { connectionString, max: 3 }]

    await app.register(dbPlugin, Object({ connectionString, max: 7, replicas }))

    const maxOf = (name: string) => findDatabases(app)?.find(name)?.pool.stats().max
    t.strictSame(['db', 'db-replica-1', 'db-replica-2'].map(maxOf), [7, 7, 3])
  })

  t.test('is refused with a connection string or a limit that cannot work', async t => {
    const connectionString = await createDatabase(t, { migrated: false })
    const register = (replica: unknown) => async () =>
      fastify().register(dbPlugin, Object({ connectionString, replicas: [replica] }))

    await t.rejects(register('mysql://x'), { code: 'FST_NEON_URL_INVALID', message: /replicas\[0\]/ })
    await t.rejects(register({ connectionString, max: 0 }), {
      code: 'FST_NEON_OPTION_INVALID',
      message: /max/
    })
    await t.rejects(register({ connectionString, maxx: 1 }), { message: /did you mean max/ })
  })

  t.test('ends with its server', async t => {
    const { app, untilReached, where, poolOf } = await open(t)
    await untilReached()

    await app.close()

    await t.rejects(where(), { code: 'FST_NEON_CLOSED' })
    t.equal(poolOf(1).totalCount, 0)
  })

  t.test('ends with its server while it is being tried again', async t => {
    const { app, ways, untilReached, where, poolOf } = await open(t)
    await untilReached()
    ways[0]?.shut()
    await where()
    await until(() => !poolOf(1).isReachable)

    await app.close()

    await t.rejects(where(), { code: 'FST_NEON_CLOSED' })
    t.equal(poolOf(1).totalCount, 0)
  })
})
