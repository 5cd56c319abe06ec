import { join } from 'node:path'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { until } from '../../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../../test/support/postgres.ts'
import dbPlugin, { type DbOptions } from '../../../src/plugins/db.ts'
import healthPlugin from '../../../src/plugins/health/health.ts'
import { createLook } from '../../../src/plugins/health/migrations.ts'
import { apply, makeFolder, timeOf, toFolders, type Written } from '../../migrations/folders.ts'
import { openPool } from '../../support/pools.ts'
import { backend } from '../backend.ts'

const TOKEN = 'a-token-of-operators'
const A = { name: '0000_a', sql: 'create table a ()', when: timeOf(0) }
const B = { name: '0001_b', sql: 'create table b ()', when: timeOf(1) }

/** A backend that expects `expected` of a database in which `applied` was applied. */
async function expecting(
  t: Test,
  { applied = [], expected }: { applied?: Written[]; expected: Written[] },
  db: Partial<DbOptions> = {}
) {
  const connectionString = await createDatabase(t, { migrated: false })
  if (applied.length > 0) await apply(connectionString, makeFolder(t, applied))
  const folder = makeFolder(t, expected)
  const built = await backend(t, { token: TOKEN, migrations: { folder } }, { ...db, connectionString })
  const { app } = built
  await app.ready()
  const statusOf = async (path: string) => (await app.inject(path)).statusCode
  return {
    ...built,
    folder,
    statusOf,
    detail: async () =>
      (await app.inject({ url: '/readyz?verbose', headers: { authorization: `Bearer ${TOKEN}` } })).json()
        .detail,
    untilReady: () => until(async () => (await statusOf('/readyz')) === 200)
  }
}

// Side by side, since most of it is waiting for the next look, each at a database of its own.
t.test('health with migrations', { jobs: 4 }, async t => {
  t.test(
    'is alive and not ready while some are pending, says why to operators, and is ready soon after',
    async t => {
      const { databaseUrl, folder, statusOf, said, detail, untilReady } = await expecting(t, {
        expected: [A, B]
      })
      await until(() => said('migrations are pending').length > 0)

      t.strictSame(await Promise.all(['/livez', '/readyz', '/startupz'].map(statusOf)), [200, 503, 503])
      t.match(await detail(), {
        process: 'starting',
        waitingFor: ['migrations-pending'],
        migrations: { state: 'pending', pending: 2 }
      })
      t.match(said('migrations are pending'), [{ level: 40, pending: ['0000_a', '0001_b'] }])

      await apply(databaseUrl, folder)
      const migratedAt = performance.now()
      await untilReady()

      t.comment(`ready ${Math.round(performance.now() - migratedAt)} ms after the migration`)
      t.equal(await statusOf('/startupz'), 200)
      t.notHas(await detail(), { waitingFor: [] })
      t.match(await detail(), { migrations: { state: 'complete', pending: 0 } })
      t.match(said('migrations are complete'), [{ level: 30, from: 'pending' }])
    }
  )

  t.test('reads the ledger as it is, whatever parsers the pool has', async t => {
    const types = { getTypeParser: () => (value: string) => `parsed ${value}` }
    const { untilReady, lines } = await expecting(t, { applied: [A], expected: [A] }, { types })
    await untilReady()

    t.strictSame(
      lines.filter(({ level }) => Number(level) > 30),
      []
    )
  })

  t.test('is ready with folders of Drizzle 1.0 and a ledger of 0.x, and changes nothing in it', async t => {
    const connectionString = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [A, { ...B, when: timeOf(1) + 456 }])
    await apply(connectionString, folder)
    const rows = await administer('select * from drizzle.__drizzle_migrations', connectionString)
    await toFolders(folder)
    const { app } = await backend(t, { token: TOKEN, migrations: { folder } }, { connectionString })
    await app.ready()

    await until(async () => (await app.inject('/readyz')).statusCode === 200)
    t.strictSame(await administer('select * from drizzle.__drizzle_migrations', connectionString), rows)
  })

  t.test('asks no more once all are applied', async t => {
    const { app, databaseUrl, untilReady } = await expecting(t, { applied: [A], expected: [A] })
    await untilReady()
    const { checkouts } = app.db.$client.stats()

    await administer('drop table drizzle.__drizzle_migrations', databaseUrl)
    for (let looks = 0; looks < 100; looks += 1) t.equal((await app.inject('/readyz')).statusCode, 200)

    t.equal(app.db.$client.stats().checkouts, checkouts)
  })

  t.test('is not ready when tables are gone that the ledger says are there', async t => {
    const a = { ...A, tables: { a: [], b: [] } }
    const { said, statusOf, databaseUrl, detail, untilReady } = await expecting(t, {
      applied: [a],
      expected: [a]
    })
    await until(() => said('migrations are schema-missing').length > 0)

    t.equal(await statusOf('/readyz'), 503)
    t.match(await detail(), { waitingFor: ['migrations-schema-missing'] })
    t.match(said('the ledger has all migrations, and tables of theirs are not in the database'), [
      { missing: ['table b'] }
    ])
    await administer('create table b ()', databaseUrl)
    await untilReady()
  })

  t.test('is not ready when the schema is gone, whatever newer rows the ledger has', async t => {
    const a = { ...A, sql: 'select 1', tables: { a: [], c: [] } }
    const { said, statusOf, databaseUrl } = await expecting(t, { applied: [a, B], expected: [a] })

    await until(() => said('migrations are schema-missing').length > 0)
    t.equal(await statusOf('/readyz'), 503)
    await administer('create table a ()', databaseUrl)
    // One that is left, and a newer release may have dropped the other.
    await until(async () => (await statusOf('/readyz')) === 200)
  })

  for (const [title, reset] of [
    ['a statement meets a table that is gone', 'drop table b'],
    [
      'connections were ended, and others made',
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
    ]
  ] as const)
    t.test(`notices a branch that was restored to an earlier point, when ${title}`, async t => {
      const { app, databaseUrl, folder, said, statusOf, detail, untilReady } = await expecting(t, {
        applied: [A, B],
        expected: [A, B]
      })
      await untilReady()
      const ask = () =>
        app.db.execute('select * from b').then(
          () => 'ok',
          () => 'failed'
        )
      await ask()

      await administer(
        'delete from drizzle.__drizzle_migrations where created_at > (select min(created_at) from drizzle.__drizzle_migrations)',
        databaseUrl
      )
      await administer(reset, databaseUrl)
      t.equal(await statusOf('/readyz'), 200, 'nobody has asked yet')
      await until(async () => {
        await ask()
        return said('migrations are behind').length > 0
      })

      t.equal(await statusOf('/readyz'), 503)
      t.match(said('migrations are behind'), [{ level: 40, from: 'complete', pending: ['0001_b'] }])
      t.match(await detail(), { migrations: { state: 'behind', pending: 1 } })
      const refused = await app.inject('/anything')
      t.match(refused.json(), { statusCode: 503, code: 'FST_NEON_MIGRATIONS_BEHIND' })
      t.equal(refused.headers['retry-after'], '1')
      t.equal(await statusOf('/livez'), 200)

      await administer('drop table if exists b', databaseUrl)
      await apply(databaseUrl, folder)
      await untilReady()
      t.equal((await app.inject('/anything')).statusCode, 404)
    })

  t.test('notices a branch that was restored while the pool had no connection', async t => {
    const { app, databaseUrl, said, statusOf, untilReady } = await expecting(
      t,
      { applied: [A, B], expected: [A, B] },
      { idleTimeoutMs: 1 }
    )
    await untilReady()
    const { $client: pool } = app.db
    await until(() => pool.stats().total === 0)

    await administer(
      'delete from drizzle.__drizzle_migrations where created_at > (select min(created_at) from drizzle.__drizzle_migrations)',
      databaseUrl
    )
    t.equal(await statusOf('/readyz'), 200, 'nobody has asked yet')
    await app.db.execute('select 1')
    await until(() => said('migrations are behind').length > 0)

    t.equal(await statusOf('/readyz'), 503)
    t.equal(pool.stats().clientsLost, 0)
  })

  t.test('is ready when the database is ahead, as while a release is taken back', async t => {
    const { untilReady } = await expecting(t, { applied: [A, B], expected: [A] })

    await untilReady()
  })

  t.test('waits for one that drizzle-kit would leave out for ever', async t => {
    const { said, statusOf } = await expecting(t, { applied: [B], expected: [A, B] })
    await until(() => said('migrations are pending').length > 0)

    t.equal(await statusOf('/readyz'), 503)
    t.match(said('migrations are pending'), [{ pending: ['0000_a'] }])
  })

  t.test('is ready with one that was edited, and says so in the log', async t => {
    const { said, untilReady } = await expecting(t, { applied: [A], expected: [{ ...A, sql: 'select 1' }] })
    await untilReady()

    t.match(said('migrations were changed after they were applied'), [{ level: 40, migrations: ['0000_a'] }])
  })

  t.test('says that it may not read the ledger, and reads it when it may', async t => {
    const { said, detail, untilReady, databaseUrl } = await expecting(t, { expected: [A] })
    await until(() => said('migrations are pending').length > 0)
    // A ledger of another shape stands for one that may not be read: the owner may read all.
    await administer(
      'create schema if not exists drizzle; create table drizzle.__drizzle_migrations ()',
      databaseUrl
    )
    await until(() => said('migrations are unreadable').length > 0)

    t.match(await detail(), { waitingFor: ['migrations-unreadable'] })
    t.match(said('migrations are unreadable'), [{ level: 40 }])
    await administer('drop table drizzle.__drizzle_migrations', databaseUrl)
    await apply(databaseUrl, makeFolder(t, [A]))
    await untilReady()
  })

  t.test('goes on with a ledger that becomes unreadable, while its tables are usable', async t => {
    const a = { ...A, tables: { a: [] } }
    const { app, databaseUrl, said, statusOf, untilReady } = await expecting(t, {
      applied: [a],
      expected: [a]
    })
    await untilReady()
    const unreadable = 'the ledger of migrations cannot be read'
    const meetNothing = () => app.db.execute('select * from nothing').catch(() => {})

    await administer('alter table drizzle.__drizzle_migrations rename column hash to h', databaseUrl)
    await until(async () => {
      await meetNothing()
      // The first of two looks is over.
      return said(unreadable).length > 1
    })
    t.equal(await statusOf('/readyz'), 200)
    t.equal(said('migrations are unreadable').length, 0)

    await administer('alter table a rename to b', databaseUrl)
    await until(async () => {
      await meetNothing()
      return said('migrations are schema-missing').length > 0
    })
    t.equal(await statusOf('/readyz'), 503)

    await administer('alter table b rename to a', databaseUrl)
    await untilReady()
  })

  t.test(
    'is not ready when its role has lost every right, until it has one, or may take a role that has',
    async t => {
      const a = { ...A, tables: { a: [] } }
      const connectionString = await createDatabase(t, { migrated: false })
      const folder = makeFolder(t, [a])
      await apply(connectionString, folder)
      const role = `service_${process.pid}`
      const group = `${role}_group`
      await administer(
        `create role ${role} login noinherit password 'p'; create role ${group}; grant ${group} to ${role};
       grant usage on schema drizzle to ${role}; grant select on a, drizzle.__drizzle_migrations to ${role}`,
        connectionString
      )
      t.teardown(() =>
        administer(
          `revoke all on a, drizzle.__drizzle_migrations from ${role}, ${group}; revoke all on schema drizzle from ${role};
         drop role ${role}, ${group}`,
          connectionString
        )
      )
      const login = new URL(connectionString)
      login.username = role
      login.password = 'p'
      const { app, said } = await backend(t, { migrations: { folder } }, { connectionString: login.href })
      const isReady = async () => (await app.inject('/readyz')).statusCode === 200
      await until(isReady)
      const ask = () => app.db.execute('select * from a').catch(() => {})

      await administer(`revoke all on a, drizzle.__drizzle_migrations from ${role}`, connectionString)
      t.ok(await isReady(), 'nobody has asked yet')
      await until(async () => {
        await ask()
        return !(await isReady())
      })
      t.match(said('migrations are unreadable'), [{ level: 40, from: 'complete' }])
      t.match((await app.inject('/anything')).json(), { code: 'FST_NEON_MIGRATIONS_BEHIND' })

      await administer(`grant select on a to ${group}`, connectionString)
      await until(isReady)
    }
  )

  t.test('looks when a role that statements name does not exist', async t => {
    const { app, said, untilReady } = await expecting(t, {
      applied: [A],
      expected: [{ ...A, sql: 'select 1' }]
    })
    await untilReady()
    const before = app.db.$client.stats().checkouts

    await t.rejects(app.db.execute('set local role nobody_of_this_name'))
    await until(() => app.db.$client.stats().checkouts > before + 1)

    t.equal(said('migrations were changed after they were applied').length, 1, 'told once')
  })

  t.test('knows no more than before when the database does not answer', async t => {
    const { pool } = await openPool(t)
    await pool.end()
    const look = await createLook({ folder: makeFolder(t, [A]) }, pool, fastify().log)

    t.strictSame(await look(), { state: 'unknown', pending: [] })
  })

  t.test('does not start without the folder', async t => {
    const app = fastify()
    await app.register(dbPlugin, { connectionString: await createDatabase(t), schema: {} } as never)
    t.teardown(() => app.close().catch(() => {}))

    await t.rejects(
      async () => app.register(healthPlugin, { migrations: { folder: join(t.testdir({}), 'none') } }),
      {
        code: 'FST_NEON_MIGRATIONS_INVALID'
      }
    )
  })
})
