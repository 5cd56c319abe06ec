import fastify from 'fastify'
import t from 'tap'
import healthPlugin from '../../src/plugins/health.ts'
import { build, until } from '../helper.ts'
import { administer, createDatabase } from '../postgres.ts'

t.test('health plugin', async t => {
  t.test('needs the db plugin', async t => {
    const app = fastify()

    await t.rejects(async () => app.register(healthPlugin), {
      code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED'
    })
  })

  t.test('/livez answers without the database', async t => {
    const { app } = await build(t, { DATABASE_URL: await unreachable(t) })

    const response = await app.inject('/livez')

    t.equal(response.statusCode, 200)
    t.strictSame(response.json(), { status: 'ok' })
    t.match(response.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })

  t.test('/readyz is 503 until the first connection, and 200 from then on', async t => {
    const { app } = await build(t)

    t.equal((await app.inject('/readyz')).statusCode, 503, 'nothing is known at boot')
    await until(async () => (await app.inject('/readyz')).statusCode === 200)

    const response = await app.inject('/readyz')
    t.strictSame(response.json(), { status: 'ok' })
    t.match(response.headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })

  t.test('/readyz is 503 for as long as there was no connection', async t => {
    const { app, logs } = await build(t, { DATABASE_URL: await unreachable(t) })
    await until(() => logs.some(({ msg }) => msg === 'database not reached'))

    const response = await app.inject('/readyz')

    t.equal(response.statusCode, 503)
    t.strictSame(response.json(), { status: 'unavailable' })
  })

  t.test('/readyz stays 200 in a later outage and says that it is one', async t => {
    const { app, databaseUrl, as } = await build(t)
    await until(async () => (await app.inject('/readyz')).statusCode === 200)
    const name = new URL(databaseUrl).pathname.slice(1)

    await administer(`alter database ${name} with allow_connections false`)
    await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
    await until(async () => (await as('alice')('GET', '/tasks')).status === 503)

    const outage = await app.inject('/readyz')
    t.equal(outage.statusCode, 200)
    t.strictSame(outage.json(), { status: 'degraded' })

    await administer(`alter database ${name} with allow_connections true`)
    await until(async () => (await as('alice')('GET', '/tasks')).status === 200)
    t.strictSame((await app.inject('/readyz')).json(), { status: 'ok' })
  })

  t.test('/readyz is 503 from the start of a drain, and /livez stays 200', async t => {
    const { app } = await build(t)
    await until(async () => (await app.inject('/readyz')).statusCode === 200)

    app.health.drain()

    t.equal((await app.inject('/readyz')).statusCode, 503)
    const alive = await app.inject('/livez')
    t.equal(alive.statusCode, 200)
    t.equal(alive.headers.connection, 'close', 'so that the client connects elsewhere')
    t.match(app.health.state(), { process: 'draining' })
  })

  t.test('answers HEAD as GET, and leaves no line in the log', async t => {
    const { app, logs } = await build(t)
    await until(async () => (await app.inject({ method: 'HEAD', url: '/readyz' })).statusCode === 200)

    t.equal((await app.inject({ method: 'HEAD', url: '/livez' })).statusCode, 200)
    t.notOk(logs.some(({ req }) => req !== undefined))
  })

  t.test('takes no client of the pool', async t => {
    const { app } = await build(t, { DATABASE_POOL_MAX: '1' })
    const client = await app.db.$client.connect()

    const statuses = await Promise.all(
      Array.from({ length: 100 }, async () => (await app.inject('/readyz')).statusCode)
    )

    t.strictSame([...new Set(statuses)], [200])
    t.equal(app.db.$client.waitingCount, 0)
    client.release()
  })
})

async function unreachable(t: Parameters<typeof createDatabase>[0]) {
  return Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
}
