import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import rateLimit from '@fastify/rate-limit'
import { Value } from '@sinclair/typebox/value'
import fastify, {
  type FastifyInstance,
  type FastifyServerOptions,
  type LightMyRequestResponse
} from 'fastify'
import t, { type Test } from 'tap'
import { build, until } from '../../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../../test/support/postgres.ts'
import dbPlugin from '../../../src/plugins/db.ts'
import healthPlugin, { type Transition } from '../../../src/plugins/health/health.ts'
import { HEALTH_RESPONSES } from '../../../src/plugins/health/schemas.ts'
import type { NeonPool } from '../../../src/pool/pool.ts'
import { backend } from '../backend.ts'

const TOKEN = 'a-token-of-operators'
const OPERATOR = { authorization: `Bearer ${TOKEN}` }
const PATHS = ['/livez', '/readyz', '/startupz']

const untilReady = (app: FastifyInstance, path = '/readyz') =>
  until(async () => (await app.inject(path)).statusCode === 200)

async function unreachable(t: Test) {
  return Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
}

function refuseTraces(t: Test, { body }: LightMyRequestResponse, databaseUrl: string) {
  const { hostname, username, password, pathname } = new URL(databaseUrl)
  for (const secret of [hostname, username, password, pathname.slice(1)]) t.notMatch(body, secret)
}

t.test('health plugin', async t => {
  t.test('needs the db plugin', async t => {
    const app = fastify()

    await t.rejects(async () => app.register(healthPlugin), {
      code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED'
    })
  })

  t.test('refuses options that cannot work', async t => {
    await t.rejects(backend(t, { idleAfterMs: -1 }), { code: 'FST_NEON_OPTION_INVALID' })
  })
})

t.test('the probe routes', async t => {
  t.test('answer without the database: alive, and neither started nor ready', async t => {
    const { app, databaseUrl } = await backend(t, {}, { connectionString: await unreachable(t) })
    const answers = await Promise.all(PATHS.map(path => app.inject(path)))

    t.strictSame(
      answers.map(({ statusCode, body }) => [statusCode, body]),
      [
        [200, '{"status":"ok"}'],
        [503, '{"status":"unavailable"}'],
        [503, '{"status":"unavailable"}']
      ]
    )
    for (const answer of answers) {
      t.match(answer.headers, {
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-type': 'application/json; charset=utf-8'
      })
      refuseTraces(t, answer, databaseUrl)
    }
  })

  t.test('answer 200 from the first connection on', async t => {
    const { app } = await backend(t)
    await untilReady(app)

    for (const path of PATHS) t.match(await app.inject(path), { statusCode: 200, body: '{"status":"ok"}' })
  })

  t.test('answer HEAD as GET without the body, with a query too, and leave no line in the log', async t => {
    const { app, lines } = await backend(t)
    await untilReady(app)

    for (const path of [...PATHS, '/readyz?x=1']) {
      const head = await app.inject({ method: 'HEAD', url: path })
      const get = await app.inject(path)
      t.equal(head.statusCode, 200)
      t.equal(head.body, '')
      t.equal(head.headers['content-length'], get.headers['content-length'])
      t.equal(get.body, '{"status":"ok"}')
    }
    t.notOk(lines.some(({ req, res }) => req !== undefined || res !== undefined))
  })

  t.test('stand below a prefix and under names of choice, also in a part of the application', async t => {
    const { app } = await backend(t, { prefix: '/internal', livePath: '/alive', readyPath: '/ready' })
    await untilReady(app, '/internal/ready')

    t.equal((await app.inject('/internal/alive')).statusCode, 200)
    t.equal((await app.inject('/internal/startupz')).statusCode, 200)
    t.equal((await app.inject('/readyz')).statusCode, 404)

    const outer = fastify()
    t.teardown(() => outer.close())
    const connectionString = await unreachable(t)
    await outer.register(
      async part => {
        await part.register(dbPlugin, { connectionString, schema: {} } as never)
        await part.register(healthPlugin)
      },
      { prefix: '/part' }
    )
    t.equal((await outer.inject('/part/livez')).statusCode, 200)
    t.equal((await outer.inject('/part/readyz')).statusCode, 503)
  })

  const hooks: { title: string; add: (app: FastifyInstance) => unknown }[] = [
    {
      title: 'an onRequest hook that throws',
      add: app =>
        app.addHook('onRequest', async () => {
          throw new Error('a hook of the application')
        })
    },
    {
      title: 'authentication',
      add: app =>
        app.addHook('onRequest', (_request, reply, _done) => reply.code(401).send({ error: 'who are you' }))
    },
    {
      title: 'hooks of every later phase that throw',
      add(app) {
        const fail = async () => {
          throw new Error('a hook of the application')
        }
        for (const name of [
          'preParsing',
          'preValidation',
          'preHandler',
          'preSerialization',
          'onSend'
        ] as const)
          app.addHook(name, fail)
      }
    },
    { title: 'a rate limit of 2', add: app => app.register(rateLimit, { max: 2, timeWindow: '1 hour' }) },
    {
      title: 'a rate limit of 2 for all routes',
      async add(app) {
        await app.register(rateLimit, { global: false })
        app.addHook('onRequest', app.rateLimit({ max: 2, timeWindow: '1 hour' }))
      }
    }
  ]
  for (const { title, add } of hooks) {
    t.test(`are not caught by ${title} that comes after them`, async t => {
      const { app } = await backend(t)
      await add(app)
      app.get('/other', async () => 'fine')
      await untilReady(app)

      const statuses = new Set<number>()
      for (let probe = 0; probe < 100; probe += 1)
        for (const path of PATHS) statuses.add((await app.inject(path)).statusCode)

      t.strictSame([...statuses], [200])
      const others = [await app.inject('/other'), await app.inject('/other'), await app.inject('/other')]
      t.not(others.at(-1)?.statusCode, 200, 'while other routes are')
    })
  }

  t.test('are answered within 50 ms, a hundred at once beside a full pool with a queue', async t => {
    const { app } = await backend(t, {}, { max: 1 })
    const times: number[] = []
    app.addHook('onResponse', async (_request, { elapsedTime }) => {
      times.push(elapsedTime)
    })
    await untilReady(app)
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const checkedOut = await app.db.$client.connect()
    const waiting = app.db.$client.connect()
    times.length = 0

    const statuses = await Promise.all(
      Array.from({ length: 100 }, async () => (await fetch(`${address}/readyz`)).status)
    )

    t.strictSame([...new Set(statuses)], [200])
    await until(() => times.length === 100)
    // From the arrival of each to the end of its answer: what the client takes is not in it. The median,
    // since a process that others keep from running meets some of them.
    const median = times.sort((a, b) => a - b)[times.length / 2] ?? 0
    t.ok(median < 50, `half of them took more than ${median.toFixed(1)} ms`)
    t.equal(app.db.$client.waitingCount, 1)
    t.equal(app.db.$client.stats().checkouts, 2)
    checkedOut.release()
    ;(await waiting).release()
  })
})

t.test('details', async t => {
  t.test('are for operators, and match their schema', async t => {
    const { app, databaseUrl } = await backend(t, { token: TOKEN })
    app.health.addCheck({ name: 'queue', check: async () => {} })
    await untilReady(app)
    await until(() => app.health.state().checks.queue?.state === 'ok')

    for (const path of PATHS) {
      const answer = await app.inject({ url: `${path}?verbose`, headers: OPERATOR })
      refuseTraces(t, answer, databaseUrl)
      const kind = ({ '/livez': 'live', '/readyz': 'ready', '/startupz': 'startup' } as const)[path] ?? 'live'
      t.ok(Value.Check(HEALTH_RESPONSES[kind][200], answer.json()), path)
      t.match(answer.json(), {
        status: 'ok',
        detail: {
          process: 'ready',
          database: { state: 'up', source: 'traffic' },
          pool: { flow: 'free', max: 10, waiting: 0 },
          checks: { queue: { state: 'ok', critical: false } },
          excluded: [],
          unknown: []
        }
      })
    }
  })

  t.test('are not for anybody else, who gets what everybody gets, and not a 401', async t => {
    const { app } = await backend(t, { token: TOKEN })
    await untilReady(app)

    for (const headers of [{}, { authorization: 'Bearer wrong' }])
      for (const query of ['verbose', 'probe=1', 'exclude=database', 'verbose=1&exclude=pool'])
        t.match(await app.inject({ url: `/readyz?${query}`, headers }), {
          statusCode: 200,
          body: '{"status":"ok"}'
        })
    t.strictSame(app.health.probes, { answered: 0, failed: 0 })
  })

  t.test('can be wished away, by 0 and false', async t => {
    const { app } = await backend(t, { token: TOKEN })
    await untilReady(app)

    for (const query of ['verbose=0', 'verbose=false', 'exclude='])
      t.equal((await app.inject({ url: `/readyz?${query}`, headers: OPERATOR })).body, '{"status":"ok"}')
  })

  t.test('leave out checks, and name those that there are not; nobody else can', async t => {
    const { app } = await backend(t, { token: TOKEN })
    let isBroken = false
    app.health.addCheck({
      name: 'queue',
      critical: true,
      ttlMs: 0,
      check: async () => {
        if (isBroken) throw new Error('no queue')
      }
    })
    await untilReady(app)
    isBroken = true
    await until(async () => (await app.inject('/readyz')).statusCode === 503)

    const url = '/readyz?verbose&exclude=queue&exclude=quue&exclude=pool'
    t.match(await app.inject({ url, headers: OPERATOR }), { statusCode: 200 })
    t.match((await app.inject({ url, headers: OPERATOR })).json(), {
      detail: { excluded: ['queue', 'pool'], unknown: ['quue'], checks: { queue: { state: 'failed' } } }
    })
    t.equal((await app.inject({ url: '/readyz?exclude=queue', headers: OPERATOR })).body, '{"status":"ok"}')
    t.equal((await app.inject(url)).statusCode, 503)
  })

  t.test('ask the database on demand, beside the pool', async t => {
    const { app } = await backend(t, { token: TOKEN }, { max: 1 })
    await untilReady(app)
    const checkedOut = await app.db.$client.connect()

    const answer = await app.inject({ url: '/readyz?probe=1&verbose', headers: OPERATOR })

    t.match(answer.json(), { status: 'ok', detail: { database: { state: 'up', source: 'probe' } } })
    t.strictSame(app.health.probes, { answered: 1, failed: 0 })
    checkedOut.release()
  })

  t.test('say why a login is refused, in one word', async t => {
    const { app, databaseUrl } = await backend(t, { authorize: async () => true }, { password: 'not-it' })

    const answer = await app.inject('/readyz?probe=1&verbose')

    t.equal(answer.statusCode, 503)
    t.match(answer.json(), {
      detail: { process: 'starting', database: { state: 'unknown', reason: 'refused' } }
    })
    t.ok(Value.Check(HEALTH_RESPONSES.ready[503], answer.json()))
    refuseTraces(t, answer, databaseUrl)
  })
})

t.test('the database', async t => {
  t.test(
    'that is lost later leaves the process ready and degraded, and recovers without traffic',
    async t => {
      const { app, databaseUrl, said } = await backend(t)
      await untilReady(app)
      const name = new URL(databaseUrl).pathname.slice(1)
      const checkedOut = await app.db.$client.connect()

      await administer(`alter database ${name} with allow_connections false`)
      await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
      await until(() => app.health.state().database.state === 'suspect')
      checkedOut.release(true)

      t.match(await app.inject('/readyz'), { statusCode: 200, body: '{"status":"degraded"}' })
      t.match(await app.inject('/livez'), { statusCode: 200, body: '{"status":"ok"}' })

      await administer(`alter database ${name} with allow_connections true`)
      await until(() => app.health.state().database.state === 'up')
      t.match(await app.inject('/readyz'), { statusCode: 200, body: '{"status":"ok"}' })
      t.equal(app.health.probes.answered, 1)
      t.match(said('database is suspect'), [{ level: 40, reason: 'unreachable' }])
      t.match(said('database is up').at(-1), { level: 30, from: /suspect|down/ })
    }
  )

  t.test('that refuses one statement after the other stays up', async t => {
    const { app, databaseUrl } = await backend(t)
    await administer('create table once (id int primary key); insert into once values (1)', databaseUrl)
    await untilReady(app)

    for (let storm = 0; storm < 50; storm += 1)
      await t.rejects(app.db.$client.query('insert into once values (1)'), { code: '23505' })

    t.match(app.health.state(), { readiness: 'ok', database: { state: 'up' } })
    t.equal(app.health.probes.answered, 0)
  })

  t.test('that ends idle connections, as at a suspend, is idle', async t => {
    const { app, databaseUrl, said } = await backend(t)
    await untilReady(app)
    const name = new URL(databaseUrl).pathname.slice(1)

    await administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
    await until(() => app.health.state().database.state === 'idle')

    t.match(await app.inject('/readyz'), { statusCode: 200, body: '{"status":"ok"}' })
    t.match(said('database is idle'), [{ level: 20, from: 'up' }])
    t.strictSame(app.health.probes, { answered: 0, failed: 0 })
  })

  t.test('that is down makes a process not ready that wishes so', async t => {
    const { app } = await backend(t, { onDatabaseDown: 'fail-closed', token: TOKEN })
    await untilReady(app)
    const pool = app.db.$client as NeonPool
    pool.report({ type: 'statement-unanswered' })

    t.equal((await app.inject('/readyz')).body, '{"status":"degraded"}')
  })

  t.test('whose pool stands still for long can have the process restarted', async t => {
    const { app, said } = await backend(t, { restartWhenWedgedMs: 50 }, { max: 1 })
    await untilReady(app)
    const { $client: pool } = app.db
    const stats = pool.stats()
    // Half a minute in which nobody gave a client back.
    pool.stats = () => ({ ...stats, checkedOut: 1, waiting: 1, blockedForMs: 30_000 })

    t.match(await app.inject('/readyz'), { statusCode: 503, body: '{"status":"unavailable"}' })
    t.match(said('database is wedged'), [{ level: 40, from: 'up' }])
    await until(async () => (await app.inject('/livez')).statusCode === 503)
    t.equal(app.health.state().database.state, 'wedged')
  })

  t.test('is asked in a rhythm where that is wished, with a word on its price when it is Neon', async t => {
    const connectionString =
      'postgresql://me:secret@ep-cool-lake-123456.us-east-2.aws.neon.tech/neondb?sslmode=require'
    const neon = await backend(t, { mode: 'interval' }, { connectionString })
    const local = await backend(t, { mode: 'interval' })
    const rare = await backend(t, { mode: 'interval', intervalMs: 300_000 }, { connectionString })
    const warnings = ({ lines }: typeof neon) =>
      lines.filter(({ msg }) => /keeps a Neon compute awake/.test(`${msg}`))

    t.match(warnings(neon), [{ level: 40, intervalMs: 30_000 }])
    t.strictSame(warnings(local), [])
    t.strictSame(warnings(rare), [])
  })

  t.test('is none of the probes’ business when that is off', async t => {
    const { app } = await backend(t, { mode: 'off' }, { connectionString: await unreachable(t) })

    for (const path of PATHS) t.equal((await app.inject(path)).statusCode, 200)
  })
})

t.test('a check of the application', async t => {
  t.test('that hangs holds up neither boot nor probes', async t => {
    const { app, said } = await backend(t)
    let runs = 0
    app.health.addCheck({
      name: 'hangs',
      timeoutMs: 20,
      ttlMs: 0,
      check: () => {
        runs += 1
        return new Promise(() => {})
      }
    })
    await untilReady(app)
    await until(() => app.health.state().checks.hangs?.state === 'timeout')

    t.match(await app.inject('/readyz'), { statusCode: 200, body: '{"status":"degraded"}' })
    t.equal(runs, 1, 'one run at a time')
    t.match(said('check is timeout'), [{ level: 40, check: 'hangs', from: 'pending' }])
  })

  t.test('needs a name of its own', async t => {
    const { app } = await backend(t)
    const check = async () => {}
    app.health.addCheck({ name: 'queue', check })

    t.throws(() => app.health.addCheck({ name: 'queue', check }), { code: 'FST_NEON_CHECK_EXISTS' })
  })
})

t.test('the process', async t => {
  t.test('is not ready from the start of a drain, stays alive, and sends clients elsewhere', async t => {
    const { app } = await build(t)
    await untilReady(app)

    app.health.drain()

    t.equal((await app.inject('/readyz')).statusCode, 503)
    const alive = await app.inject('/livez')
    t.equal(alive.statusCode, 200)
    t.equal(alive.headers.connection, 'close')
    t.equal((await app.inject('/tasks')).headers.connection, 'close')
    t.equal((await app.inject('/startupz')).statusCode, 200, 'it has started')
    t.match(app.health.state(), { process: 'draining' })
  })

  t.test('sends clients of HTTP/2 elsewhere without a header that it does not have', async t => {
    const overHttp2: FastifyServerOptions = Object({ http2: true })
    const app = fastify(overHttp2)
    t.teardown(() => app.close())
    await app.register(dbPlugin, { schema: {}, connectionString: await createDatabase(t) } as never)
    await app.register(healthPlugin)
    app.get('/route', async () => 'answer')
    const warnings: Error[] = []
    const listener = (warning: Error) => warnings.push(warning)
    process.on('warning', listener)
    t.teardown(() => process.off('warning', listener))
    const session = connectHttp2(await app.listen({ port: 0, host: '127.0.0.1' }))
    t.teardown(() => session.destroy())

    app.health.drain()

    for (const path of ['/livez', '/route']) {
      const [headers] = await once(session.request({ ':path': path }), 'response')
      t.match(headers, { ':status': 200, connection: undefined })
    }
    t.notMatch(warnings, [{ name: 'UnsupportedWarning' }])
  })

  t.test('is not ready in maintenance, and tells listeners of it until they stop', async t => {
    const { app, said } = await backend(t)
    await untilReady(app)
    const seen: Transition[] = []
    const stop = app.health.onTransition(transition => seen.push(transition))
    app.health.onTransition(() => {
      throw new Error('a listener of the application')
    })

    app.health.setMaintenance(true, 'an index is rebuilt')
    t.equal((await app.inject('/readyz')).statusCode, 503)
    t.equal((await app.inject('/livez')).statusCode, 200)
    stop()
    app.health.setMaintenance(false)

    t.equal((await app.inject('/readyz')).statusCode, 200)
    t.strictSame(seen, [
      { subject: 'process', from: 'ready', to: 'maintenance', reason: 'an index is rebuilt' }
    ])
    t.match(said('process is maintenance'), [{ level: 30, reason: 'an index is rebuilt' }])
    t.equal(said('a listener of health threw').length, 2)
  })
})
