/**
 * Several databases in one application: names, health, metrics and isolation of each.
 */
import { eq } from 'drizzle-orm'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { captureLog, until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import dbPlugin, { type DbOptions } from '../../src/plugins/db.ts'
import healthPlugin, { type HealthOptions } from '../../src/plugins/health/health.ts'
import isolationPlugin from '../../src/plugins/isolation/isolation.ts'
import metricsPlugin from '../../src/plugins/metrics/metrics.ts'
import { apply, makeFolder, timeOf } from '../migrations/folders.ts'
import { analyticsSchema } from '../support/analytics.ts'
import { untilIdleFor } from '../support/pools.ts'
import { openRelay } from '../support/relay.ts'

const TOKEN = 'a-token-of-operators'
// Two looks at the migrations are a second apart.
const A_LOOK_MS = 1500
const OPERATOR = { authorization: `Bearer ${TOKEN}` }

async function analyticsDatabase(t: Test) {
  const url = await createDatabase(t, { migrated: false })
  await administer('create table visits (id integer primary key); insert into visits values (7)', url)
  return url
}

interface Both {
  /** The second cannot be reached at first. */
  isShut?: boolean
  db?: Partial<DbOptions>
  analytics?: Partial<DbOptions>
  health?: HealthOptions
}

/** `fastify.db` and `fastify.analytics`, the second by a way that can be shut, with all plugins. */
async function open(t: Test, { isShut = false, db = {}, analytics = {}, health = {} }: Both = {}) {
  const urls = { db: await createDatabase(t), analytics: await analyticsDatabase(t) }
  const way = await openRelay(t, urls.analytics)
  if (isShut) way.shut()
  const { logs, stream } = captureLog(urls.db)
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  await app.register(dbPlugin, { connectionString: urls.db, schema: {}, ...db } as never)
  const { url: connectionString } = way
  await app.register(dbPlugin, { connectionString, name: 'analytics', schema: analyticsSchema, ...analytics })
  await app.register(healthPlugin, { token: TOKEN, ...health })
  await app.register(metricsPlugin)
  app.get('/visits', () => app.analytics.select().from(analyticsSchema.visits))
  app.get('/tasks', async () => (await app.db.execute('select 1 as one')).rows)
  return { app, way, urls, logs }
}

async function ready(app: FastifyInstance) {
  const { body, statusCode } = await app.inject('/readyz')
  return `${statusCode} ${JSON.parse(body).status}`
}

const detailOf = async (app: FastifyInstance, query = '') =>
  (await app.inject({ url: `/readyz?verbose${query}`, headers: OPERATOR })).json().detail

t.test('a second database', async t => {
  t.test('has a decorator, tables, a pool and a line in the log of its own', async t => {
    const { app, logs } = await open(t, { analytics: { max: 3 } })
    await until(async () => (await ready(app)) === '200 ok')

    t.strictSame((await app.inject('/visits')).json(), [{ id: 7 }])
    t.strictSame((await app.inject('/tasks')).json(), [{ one: 1 }])
    const visit = await app.analytics.query.visits.findFirst({ where: eq(analyticsSchema.visits.id, 7) })
    t.strictSame(visit, { id: 7 })
    t.strictSame([app.db.$client.stats().max, app.analytics.$client.stats().max], [10, 3])
    const reached = logs.filter(({ msg }) => msg === 'database reached').map(({ database }) => database)
    t.strictSame(reached.sort(), ['analytics', 'db'])
  })

  t.test('is refused under a name that is taken, with what to do', async t => {
    const connectionString = await createDatabase(t)
    const register = async (...names: (string | undefined)[]) => {
      const app = fastify()
      t.teardown(() => app.close())
      for (const name of names) await app.register(dbPlugin, Object({ connectionString, name }))
    }

    for (const names of [
      [undefined, undefined],
      [undefined, 'db'],
      ['db', undefined]
    ])
      await t.rejects(register(...names), {
        code: 'FST_NEON_ALREADY_REGISTERED',
        message: /fastify\.db: .*name: 'analytics' for fastify\.analytics/
      })
    await t.rejects(register('db', 'analytics', 'analytics'), { code: 'FST_NEON_ALREADY_REGISTERED' })
    for (const name of ['log', 'server', 'a-b', '', '7th', 'x'.repeat(49)])
      await t.rejects(register(name), { code: 'FST_NEON_OPTION_INVALID', message: /^name/ })
  })

  for (const name of ['pool', 'queue']) {
    t.test(`is refused under the name ${name}, which health has for something else`, async t => {
      const { app, urls } = await open(t)
      app.health.addCheck({ name: 'queue', check: async () => {} })

      t.throws(() => app.health.addCheck({ name: 'analytics', check: async () => {} }), {
        code: 'FST_NEON_CHECK_EXISTS'
      })
      await t.rejects(async () => app.register(dbPlugin, { connectionString: urls.db, name }), {
        code: 'FST_NEON_CHECK_EXISTS'
      })
    })
  }

  t.test('may come after health and metrics, and in a part of the application', async t => {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(dbPlugin, { connectionString: await createDatabase(t), schema: {} } as never)
    await app.register(healthPlugin)
    await app.register(metricsPlugin)
    const connectionString = await analyticsDatabase(t)
    await app.register(async part => {
      await part.register(dbPlugin, { connectionString, name: 'analytics', schema: analyticsSchema })
      part.get('/visits', () => part.analytics.select().from(analyticsSchema.visits))
    })

    await until(async () => (await ready(app)) === '200 ok')

    t.strictSame((await app.inject('/visits')).json(), [{ id: 7 }])
    t.strictSame(Object.keys(app.health.state().databases), ['db', 'analytics'])
    t.match((await app.inject('/metrics')).body, /^fastify_neon_pool_idle\{database="analytics"\} 1$/m)
    t.notOk(app.hasDecorator('analytics'))
  })

  t.test('alone is the one that health and the metrics are about', async t => {
    const app = fastify()
    t.teardown(() => app.close())
    const connectionString = await analyticsDatabase(t)
    await app.register(dbPlugin, { connectionString, name: 'analytics', schema: analyticsSchema })
    await app.register(healthPlugin)

    await until(async () => (await ready(app)) === '200 ok')

    t.equal(app.health.state().database.state, 'up')
  })

  t.test('ends with its server, with all that was registered on it', async t => {
    const { app, way } = await open(t)
    const pools = [app.db.$client, app.analytics.$client]
    await until(() => pools.every(pool => pool.idleCount > 0))
    way.shut()
    await app.inject('/visits')

    await app.close()

    for (const pool of pools) {
      t.equal(pool.totalCount, 0)
      await t.rejects(pool.query('select 1'), { code: 'FST_NEON_CLOSED' })
    }
  })
})

// Side by side, since most of it is waiting for the next look, each at databases of its own.
t.test('health of several databases', { jobs: 4 }, async t => {
  t.test('tells of each to operators, and names what can be left out', async t => {
    const { app } = await open(t)
    await until(async () => (await ready(app)) === '200 ok')

    t.match(await detailOf(app, '&exclude=analytics&exclude=db&exclude=other'), {
      database: { state: 'up' },
      databases: {
        db: { critical: true, database: { state: 'up', source: 'traffic' }, pool: { max: 10 } },
        analytics: { critical: true, database: { state: 'up', source: 'traffic' }, pool: { max: 10 } }
      },
      excluded: ['analytics', 'db'],
      unknown: ['other']
    })
  })

  for (const critical of [true, false]) {
    t.test(`at the start, of one that cannot be reached whose option critical is ${critical}`, async t => {
      const { app, way } = await open(t, { isShut: true, analytics: { critical } })
      await until(() => app.health.state().database.state === 'up')

      t.equal(await ready(app), critical ? '503 unavailable' : '200 degraded')
      await way.open()
      await until(async () => (await ready(app)) === '200 ok')
    })
  }

  t.test('has not started before the last one is registered', async t => {
    const way = await openRelay(t, await analyticsDatabase(t))
    way.shut()
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(dbPlugin, { connectionString: await createDatabase(t), schema: {} } as never)
    await app.register(healthPlugin)
    await app.db.execute('select 1')
    t.equal(app.health.state().database.state, 'up')
    const { url: connectionString } = way
    await app.register(dbPlugin, { connectionString, name: 'analytics', schema: analyticsSchema })

    t.equal((await app.inject('/startupz')).statusCode, 503)
    await way.open()
    await until(async () => (await app.inject('/startupz')).statusCode === 200)
  })

  t.test('is degraded, and not more, while one is down that is not critical', async t => {
    const { app, way } = await open(t, {
      analytics: { critical: false, connectTimeoutMs: 1000 },
      health: { onDatabaseDown: 'fail-closed' }
    })
    await until(async () => (await ready(app)) === '200 ok')
    way.shut()

    await until(async () => {
      await app.inject('/visits')
      return app.health.state().databases.analytics?.database.state === 'down'
    })

    t.equal(await ready(app), '200 degraded')
    t.equal(app.health.state().database.state, 'up')
    await way.open()
    await until(async () => (await ready(app)) === '200 ok')
  })

  t.test('sends no query while all are idle', async t => {
    const { app, urls } = await open(t, { health: { idleAfterMs: 1 } })
    await until(async () => (await ready(app)) === '200 ok')
    const newestStatements = async () => {
      const names = [urls.db, urls.analytics].map(url => `'${new URL(url).pathname.slice(1)}'`)
      return administer(
        `select datname, max(query_start)::text from pg_stat_activity where datname in (${names}) group by datname order by datname`
      )
    }
    await until(() =>
      Object.values(app.health.state().databases).every(({ database }) => database.state === 'idle')
    )
    const before = await newestStatements()
    t.equal(before.length, 2)

    for (let probes = 0; probes < 100; probes += 1) {
      await app.inject('/readyz')
      await app.inject('/metrics')
    }

    t.strictSame(app.health.probes, { answered: 0, failed: 0 })
    t.strictSame(await newestStatements(), before)
  })

  t.test('waits for the migrations of the database that is named', async t => {
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()', when: timeOf(0) }])
    const { app, urls } = await open(t, { health: { migrations: { folder, database: 'analytics' } } })
    await until(() => app.health.state().migrations.state === 'pending')
    t.equal(await ready(app), '503 unavailable')

    await apply(urls.analytics, folder)

    await until(async () => (await ready(app)) === '200 ok')
  })

  t.test('looks at the migrations again when their database gives cause to, and for no other', async t => {
    const { app } = await open(t, { health: { migrations: { folder: makeFolder(t, []) } } })
    await until(async () => (await ready(app)) === '200 ok')
    await untilIdleFor(A_LOOK_MS)
    const { checkouts } = app.db.$client.stats()

    await t.rejects(app.analytics.execute('select from nowhere'))
    await untilIdleFor(A_LOOK_MS)
    t.equal(app.db.$client.stats().checkouts, checkouts)

    await t.rejects(app.db.execute('select from nowhere'))
    await until(() => app.db.$client.stats().checkouts > checkouts + 1)
  })

  t.test('is refused the migrations of a database that is not there, or not critical', async t => {
    const folder = makeFolder(t, [])
    for (const [database, critical] of [
      ['reports', true],
      ['analytics', false]
    ] as const)
      await t.rejects(open(t, { analytics: { critical }, health: { migrations: { folder, database } } }), {
        code: 'FST_NEON_OPTION_INVALID',
        message: /^migrations\.database/
      })
  })

  t.test('asks all on demand', async t => {
    const { app } = await open(t)
    await until(async () => (await ready(app)) === '200 ok')

    t.match(await detailOf(app, '&probe=1'), {
      databases: { db: { database: { source: 'probe' } }, analytics: { database: { source: 'probe' } } }
    })
    t.strictSame(app.health.probes, { answered: 2, failed: 0 })
  })
})

t.test('metrics of several databases', async t => {
  t.test('have the label of each', async t => {
    const { app } = await open(t, { analytics: { max: 3 } })
    await until(async () => (await ready(app)) === '200 ok')
    await app.inject('/visits')

    const { body } = await app.inject('/metrics')

    t.match(body, /^fastify_neon_pool_connections_max\{database="db"\} 10$/m)
    t.match(body, /^fastify_neon_pool_connections_max\{database="analytics"\} 3$/m)
    t.match(body, /^fastify_neon_pool_checkouts_total\{database="analytics"\} \d+$/m)
    t.match(body, /^fastify_neon_pool_checkout_seconds_count\{database="analytics"\} \d+$/m)
    t.match(body, /^fastify_neon_health_database\{database="analytics",state="up"\} 1$/m)
    t.match(body, /^fastify_neon_transactions_total\{database="analytics",outcome="committed"\} 0$/m)
    t.notMatch(body, /^fastify_neon_pool\w* \d/m)
  })
})

t.test('isolation of several databases', async t => {
  t.test('is a check for each that is told', async t => {
    const { app } = await open(t)
    await app.register(isolationPlugin, { role: 'app_user' })
    await app.register(isolationPlugin, { database: 'analytics' })

    await until(() => app.health.state().checks['isolation-analytics']?.state === 'failed')

    await until(() => app.health.state().checks.isolation?.state === 'ok')
    t.equal(await ready(app), '503 unavailable')
  })

  t.test('does not keep the process from being ready by a database that is not critical', async t => {
    const { app } = await open(t, { analytics: { critical: false } })
    await app.register(isolationPlugin, { database: 'analytics' })

    await until(() => app.health.state().checks['isolation-analytics']?.state === 'failed')

    t.equal(await ready(app), '200 degraded')
  })

  t.test('is refused for a database that is not there', async t => {
    const { app } = await open(t)

    await t.rejects(async () => app.register(isolationPlugin, { database: 'reports' }), {
      code: 'FST_NEON_OPTION_INVALID',
      message: /^database: no database is registered as fastify\.reports/
    })
  })
})
