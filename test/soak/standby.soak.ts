/**
 * A backend with two databases, of which one has a read replica: a hot standby that follows it, is stopped, and comes back.
 */
import { sql } from 'drizzle-orm'
import fastify from 'fastify'
import t from 'tap'
import dbPlugin from '../../packages/fastify-neon/src/plugins/db.ts'
import healthPlugin from '../../packages/fastify-neon/src/plugins/health/health.ts'
import metricsPlugin from '../../packages/fastify-neon/src/plugins/metrics/metrics.ts'
import { analyticsSchema } from '../../packages/fastify-neon/test/support/analytics.ts'
import { openStandby } from '../../packages/fastify-neon/test/support/standby.ts'
import { captureLog, until } from '../support/app.ts'
import { administer } from '../support/postgres.ts'

const TOKEN = 'a-token-of-operators'
const AT_ONCE = 20
const { visits } = analyticsSchema

t.test('two databases and a replica', async t => {
  const { primaryUrl, url, stop, start } = await openStandby(t)
  await administer('create database analytics', primaryUrl)
  await administer('create table visits (id integer primary key)', primaryUrl)
  const analyticsUrl = Object.assign(new URL(primaryUrl), { pathname: '/analytics' }).href
  const { logs, stream } = captureLog(primaryUrl)
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  const database = { connectionString: primaryUrl, replicas: [url], claims: ['app.user_id'] }
  await app.register(dbPlugin, Object(database))
  await app.register(dbPlugin, { name: 'analytics', connectionString: analyticsUrl, critical: false })
  await app.register(healthPlugin, { token: TOKEN })
  await app.register(metricsPlugin)
  const where = sql`select pg_is_in_recovery() as standby, current_setting('app.user_id', true) as user`
  app.post('/visits/:id', async ({ params }) => {
    const { id } = params as { id: number }
    return app.db.insert(visits).values({ id })
  })
  app.get('/visits', () => app.db.$replica.select().from(visits))
  app.get('/where', async () => {
    const client = app.db.$replica.$withClaims({ 'app.user_id': 'alice' })
    return (await client.execute(where)).rows[0]
  })
  app.get(
    '/analytics',
    async () => (await app.analytics.execute(sql`select current_database() as name`)).rows
  )

  const get = async (path: string) => (await app.inject(path)).json()
  const readiness = async () => {
    const { statusCode, body } = await app.inject('/readyz')
    return `${statusCode} ${JSON.parse(body).status}`
  }
  /** Requests side by side, one after another, until the end. */
  const askOn = (path: string) => {
    const statuses: number[] = []
    let isOver = false
    const asking = Array.from({ length: AT_ONCE }, async () => {
      while (!isOver) statuses.push((await app.inject(path)).statusCode)
    })
    return {
      statuses,
      end: async () => {
        isOver = true
        await Promise.all(asking)
      }
    }
  }
  const isOnStandby = async () => (await get('/where')).standby
  const visit = (id: number) => app.inject({ method: 'POST', url: `/visits/${id}` })
  const visitsAre = (count: number) => until(async () => (await get('/visits')).length === count)

  await t.test('are served, and watched, each for itself', async t => {
    await until(async () => (await readiness()) === '200 ok')
    await until(isOnStandby)
    t.equal((await visit(1)).statusCode, 200)
    await visitsAre(1)

    t.strictSame(await get('/where'), { standby: true, user: 'alice' })
    t.strictSame(await get('/analytics'), [{ name: 'analytics' }])
    const headers = { authorization: `Bearer ${TOKEN}` }
    const { detail } = (await app.inject({ url: '/readyz?verbose', headers })).json()
    t.match(detail.databases, {
      db: { critical: true, database: { state: 'up' } },
      'db-replica-1': { critical: false, database: { state: 'up' } },
      analytics: { critical: false, database: { state: 'up' } }
    })
    const { body } = await app.inject('/metrics')
    for (const name of ['db', 'db-replica-1', 'analytics'])
      t.match(body, new RegExp(`^fastify_neon_pool_connections\\{database="${name}"\\} [1-9]`, 'm'))
  })

  await t.test('refuse a write on the standby itself', async t => {
    await t.rejects(app.db.$replica.insert(visits).values({ id: 99 }), {
      code: 'FST_NEON_READ_ONLY',
      sqlState: '25006'
    })
  })

  await t.test('are served while the standby is stopped, and no request fails', async t => {
    const load = askOn('/where')
    await until(() => load.statuses.length > AT_ONCE)
    await stop()
    await until(async () => !(await isOnStandby()))
    await load.end()

    t.strictSame([...new Set(load.statuses)], [200])
    t.equal((await visit(2)).statusCode, 200)
    await visitsAre(2)
    await until(async () => (await readiness()) === '200 degraded')
    const { body } = await app.inject('/metrics')
    t.match(body, /^fastify_neon_replica_fallbacks_total\{database="db-replica-1"\} [1-9]/m)
  })

  await t.test('read on the standby again when it is back, which has caught up', async t => {
    const load = askOn('/where')
    await start()
    await until(isOnStandby)
    await load.end()

    t.strictSame([...new Set(load.statuses)], [200])
    await visitsAre(2)
    await until(async () => (await readiness()) === '200 ok')
    const lines = logs
      .filter(({ database, msg }) => database === 'db-replica-1' && /replica/.test(`${msg}`))
      .map(({ msg }) => msg)
    // A server that ends may fail in more than one way, each with a line.
    const turns = lines.filter((line, index) => line !== lines[index - 1])
    t.strictSame(turns, ['read replica reached', 'read replica not reached', 'read replica reached'])
  })

  await t.test('leave nothing behind', async t => {
    await app.close()

    const rows = await administer(
      "select count(*)::int as sessions from pg_stat_activity where application_name = 'fastify-neon'",
      primaryUrl
    )
    t.strictSame(rows, [{ sessions: 0 }])
  })
})
