import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import { Gauge } from 'prom-client'
import t, { type Test } from 'tap'
import { build, CANARY, until } from '../../../../../test/support/app.ts'
import { createDatabase } from '../../../../../test/support/postgres.ts'
import dbPlugin from '../../../src/plugins/db.ts'
import healthPlugin from '../../../src/plugins/health/health.ts'
import metricsPlugin, { type MetricsOptions } from '../../../src/plugins/metrics/metrics.ts'

const TOKEN = 'a-token-of-operators'

async function scrape(app: Awaited<ReturnType<typeof build>>['app']) {
  const { body, headers, statusCode } = await app.inject('/metrics')
  const samples = new Map(
    [...body.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name = '', value]) => [
      name,
      Number(value)
    ])
  )
  return { body, headers, statusCode, samples }
}

/** On Fastify as it comes, with its own serializers. */
async function bare(t: Test, options: MetricsOptions, lines: string[] = []) {
  const app = fastify({ logger: { stream: { write: line => void lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(dbPlugin, { connectionString: await createDatabase(t), schema: {} } as never)
  await app.register(healthPlugin)
  await app.register(metricsPlugin, options)
  return app
}

t.test('metrics', async t => {
  t.test('tell of the pool, of health, of transactions and of requests', async t => {
    const { app, as } = await build(t)
    await until(async () => (await app.inject('/readyz')).statusCode === 200)
    await as('alice')('POST', '/tasks', { title: CANARY })
    await as('alice')('GET', '/tasks')
    await as('alice')('GET', '/nowhere')
    // The first connection may have been made before the metrics were registered; this is a second one.
    const clients = [await app.db.$client.connect(), await app.db.$client.connect()]
    for (const client of clients) client.release()

    const { samples, body, headers, statusCode } = await scrape(app)

    t.equal(statusCode, 200)
    t.match(headers, { 'content-type': /^text\/plain; version=0\.0\.4/, 'cache-control': 'no-store' })
    t.equal(samples.get('fastify_neon_health_process{state="ready"}'), 1)
    t.equal(samples.get('fastify_neon_health_process{state="draining"}'), 0)
    t.equal(samples.get('fastify_neon_health_database{database="db",state="up"}'), 1)
    t.equal(samples.get('fastify_neon_health_readiness{state="ok"}'), 1)
    t.equal(samples.get('fastify_neon_health_probes_total{outcome="answered"}'), 0)
    t.ok((samples.get('fastify_neon_health_database_last_success_age_seconds{database="db"}') ?? 99) < 60)
    t.equal(samples.get('fastify_neon_pool_connections_max{database="db"}'), 10)
    t.equal(samples.get('fastify_neon_pool_waiting{database="db"}'), 0)
    t.ok((samples.get('fastify_neon_pool_checkout_seconds_count{database="db"}') ?? 0) >= 2)
    t.ok((samples.get('fastify_neon_pool_connect_seconds_count{database="db"}') ?? 0) >= 1)
    t.ok((samples.get('fastify_neon_transactions_total{database="db",outcome="committed"}') ?? 0) >= 1)
    const count = (route: string, method: string, status: number) =>
      samples.get(
        `http_request_duration_seconds_count{method="${method}",route="${route}",status_code="${status}"}`
      )
    t.equal(count('/tasks', 'POST', 201), 1)
    t.equal(count('/tasks', 'GET', 200), 1)
    t.equal(count('none', 'GET', 404), 1)
    t.notMatch(body, /nowhere|alice|select|insert|canary/i)

    const again = await scrape(app)
    t.equal(
      again.samples.get('fastify_neon_transactions_total{database="db",outcome="committed"}'),
      samples.get('fastify_neon_transactions_total{database="db",outcome="committed"}'),
      'a scrape counts nothing twice, and asks the database nothing'
    )
  })

  t.test('have no age of a success before the first', async t => {
    const { app } = await build(t, {
      DATABASE_URL: Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
    })

    const { body, samples } = await scrape(app)

    t.match(body, /fastify_neon_health_database_last_success_age_seconds\{database="db"\} Nan/i)
    t.equal(samples.get('fastify_neon_health_database{database="db",state="unknown"}'), 1)
  })

  t.test('are in docs/reference/metrics.md with name, type and labels, and no other', async t => {
    const { app } = await build(t)
    const inCode = app.metrics.getMetricsAsArray().map(metric => {
      const { name, type, labelNames } = metric as unknown as {
        name: string
        type: string
        labelNames: string[]
      }
      return [name, type, labelNames.join(', ')]
    })
    const text = readFileSync(new URL('../../../../../docs/reference/metrics.md', import.meta.url), 'utf8')
    const inDocs = [...text.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*?) *\|/gm)].map(
      ([, name, type, labels = '']) => [name, type, labels.replaceAll('`', '').replace(/:[^,]*/g, '')]
    )

    t.strictSame(inDocs.sort(), inCode.sort())
  })

  t.test('are for operators alone, where there are any', async t => {
    const { app } = await build(t, { OPERATOR_TOKEN: TOKEN })
    const get = (authorization?: string) =>
      app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } })

    const anonymous = await get()
    t.equal(anonymous.statusCode, 401)
    t.equal(anonymous.headers['www-authenticate'], 'Bearer')
    t.equal(anonymous.body, '')
    t.equal((await get('Bearer wrong')).statusCode, 401)
    t.equal((await get(`Bearer ${TOKEN}`)).statusCode, 200)
  })

  t.test('are read past hooks that come later, under a path of choice, and take more metrics', async t => {
    const app = await bare(t, { path: '/internal/metrics', authorize: () => true })
    app.addHook('onRequest', async () => {
      throw new Error('a hook of the application')
    })

    t.equal((await app.inject('/internal/metrics')).statusCode, 200)
    t.equal((await app.inject({ method: 'HEAD', url: '/internal/metrics' })).statusCode, 200)
    t.type(app.metrics.registerMetric, 'function')
  })

  t.test('are scraped without the one whose collect throws, which is logged once', async t => {
    const { app, logs } = await build(t)
    new Gauge({
      name: 'broken',
      help: 'Throws',
      registers: [app.metrics],
      collect() {
        throw new Error('a metric of the application')
      }
    })

    for (let scrapes = 0; scrapes < 2; scrapes += 1) {
      const { statusCode, samples, body } = await scrape(app)

      t.equal(statusCode, 200)
      t.equal(samples.get('fastify_neon_pool_connections_max{database="db"}'), 10)
      t.notMatch(body, /broken/)
    }
    t.match(
      logs.filter(({ msg }) => msg === 'a metric could not be collected'),
      [{ metric: 'broken', err: { type: 'Error' } }]
    )
    t.equal(logs.filter(({ msg }) => msg === 'a metric could not be collected').length, 1)
  })

  t.test('whose collect throws what no logger can read do not end the process', async t => {
    const lines: string[] = []
    const app = await bare(t, {}, lines)
    const unreadable = new Proxy(new Error('of the application'), {
      get() {
        throw new Error('unreadable')
      }
    })
    for (const [name, thrown] of Object.entries({ broken: unreadable, nothing: undefined, text: 'a text' }))
      new Gauge({
        name,
        help: 'Throws',
        registers: [app.metrics],
        async collect() {
          throw thrown
        }
      })

    for (let scrapes = 0; scrapes < 2; scrapes += 1)
      t.match((await app.inject('/metrics')).body, /fastify_neon_pool_connections_max/)
    t.equal(lines.filter(line => line.includes('a metric could not be collected')).length, 3)
    app.metrics.getMetricsAsArray = () => {
      throw unreadable
    }
    t.equal((await app.inject('/metrics')).statusCode, 500)
  })

  t.test('are a 500 when nothing can be read, and the process goes on', async t => {
    const { app, logs } = await build(t)
    app.metrics.getMetricsAsArray = () => {
      throw new Error('a registry of the application')
    }

    const { statusCode, body } = await app.inject('/metrics')

    t.strictSame([statusCode, body], [500, ''])
    t.equal(logs.filter(({ msg }) => msg === 'an early route failed').length, 1)
  })

  t.test('are refused under a path that is none, and with a token that can be guessed', async t => {
    for (const options of [{ path: 'metrics' }, { token: 'short' }])
      await t.rejects(bare(t, options), { code: 'FST_NEON_OPTION_INVALID' })
  })
})
