import { context, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { sql } from 'drizzle-orm'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { until } from '../../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../../test/support/postgres.ts'
import dbPlugin, { type DbOptions } from '../../../src/plugins/db.ts'
import otelPlugin, { type OtelOptions, targetOf } from '../../../src/plugins/otel/otel.ts'
import { STATEMENT } from '../../../src/tracing/channels.ts'
import { afterSend, breakLink, type Wire } from '../../support/wire.ts'

const SECRET = 'a-secret-of-a-row'

async function build(t: Test, options: OtelOptions = {}, db: Partial<DbOptions> = {}, url?: string) {
  const connectionString = url ?? (await createDatabase(t))
  if (!url)
    await administer('create table notes (body text unique); grant all on notes to public', connectionString)
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 2 ** 30
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const app = fastify()
  t.teardown(async () => {
    await app.close()
    await meterProvider.shutdown()
  })
  await app.register(dbPlugin, { max: 1, ...db, connectionString } as never)
  await app.register(otelPlugin, { tracerProvider, meterProvider, ...options })
  const spans = (name: string | RegExp) =>
    exporter.getFinishedSpans().filter(span => matches(name, span.name))
  const metrics = async () => {
    await reader.forceFlush()
    const [{ scopeMetrics } = { scopeMetrics: [] }] = metricExporter.getMetrics().slice(-1)
    return new Map(
      scopeMetrics
        .flatMap(scope => scope.metrics)
        .map(({ descriptor, dataPoints }) => [
          descriptor.name,
          { descriptor, points: dataPoints.map(({ attributes, value }) => ({ attributes, value })) }
        ])
    )
  }
  return { app, db: app.db, exporter, spans, metrics, connectionString }
}

function matches(name: string | RegExp, text: string): boolean {
  return typeof name === 'string' ? name === text : name.test(text)
}

t.test('spans', async t => {
  t.test('of a statement are by the conventions, without its text and its parameters', async t => {
    const { db, spans, exporter, connectionString } = await build(t)
    await db.execute(sql`select * from notes where body = ${SECRET} or body = 'literal'`)
    const { hostname, port, pathname } = new URL(connectionString)

    const [span] = spans('SELECT notes')
    t.equal(span?.kind, SpanKind.CLIENT)
    t.strictSame(span?.attributes, {
      'db.system.name': 'postgresql',
      'db.namespace': pathname.slice(1),
      'server.address': hostname,
      'server.port': Number(port),
      'db.operation.name': 'SELECT',
      'db.query.summary': 'SELECT notes',
      'db.collection.name': 'notes'
    })
    t.strictSame(span?.status, { code: SpanStatusCode.UNSET })
    t.notMatch(
      JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes)),
      /literal|secret/
    )
  })

  t.test('have the text without literals, where it is asked for', async t => {
    const { db, spans } = await build(t, { statementText: true })
    await db.execute(sql`select * from notes where body = ${SECRET} or body = 'literal'`)
    await db.$batch(db => [db.execute(sql`select 7`), db.execute(sql`select 'literal'`)])

    t.equal(
      spans('SELECT notes')[0]?.attributes['db.query.text'],
      'select * from notes where body = $1 or body = ?'
    )
    t.match(spans('BATCH SELECT')[0]?.attributes, {
      'db.operation.name': 'BATCH',
      'db.operation.batch.size': 2,
      'db.query.text': 'select ?; select ?',
      'fastify_neon.transaction.outcome': 'committed'
    })
  })

  t.test('of what failed have codes, and no message', async t => {
    const { db, spans, exporter } = await build(t)
    await t.rejects(db.execute(sql`insert into nowhere values (${SECRET})`))
    await t.rejects(db.transaction(tx => tx.execute(sql`select ${SECRET}::int from notes`)))
    await t.rejects(
      db.transaction(async () => {
        throw new RangeError(SECRET)
      })
    )
    await t.rejects(db.transaction(() => Promise.reject(SECRET)))

    const [failed] = spans('INSERT nowhere')
    t.match(failed?.attributes, { 'error.type': '42P01', 'db.response.status_code': '42P01' })
    t.strictSame(failed?.status, { code: SpanStatusCode.ERROR })
    t.match(
      spans('transaction').map(({ attributes }) => attributes),
      [{ 'error.type': '22P02' }, { 'error.type': 'RangeError' }, { 'error.type': '_OTHER' }]
    )
    t.ok(
      spans('transaction').every(
        ({ attributes }) => attributes['fastify_neon.transaction.outcome'] === 'rolled-back'
      )
    )
    t.notOk(
      exporter
        .getFinishedSpans()
        .some(({ events, attributes, status }) =>
          JSON.stringify([events, attributes, status]).includes(SECRET)
        )
    )
  })

  t.test('of a read that was sent again lead from one attempt to the one before', async t => {
    const { db, spans } = await build(t, {}, { role: 'app_user' })
    await db.execute(sql`select 1`)
    db.$client.once('acquire', (client: Wire) =>
      afterSend(client, text => {
        if (text.startsWith('select')) breakLink(client)
      })
    )
    await db.execute(sql`select * from notes`)

    const [first, second] = spans('SELECT notes')
    t.match(first?.attributes, { 'error.type': 'FST_NEON_CONNECTION_LOST' })
    t.equal(first?.attributes['fastify_neon.attempt'], undefined)
    t.equal(second?.attributes['fastify_neon.attempt'], 2)
    t.strictSame(
      second?.links.map(({ context }) => context.spanId),
      [first?.spanContext().spanId]
    )
  })

  t.test('of statements that share a connection tell how many were ahead', async t => {
    const { db, spans } = await build(t)
    const client = await db.$client.connect()
    await Promise.all([1, 2, 3].map(() => client.query('select * from notes')))
    client.release()

    t.strictSame(
      spans('SELECT notes').map(({ attributes }) => attributes['fastify_neon.statements_ahead']),
      [undefined, 1, 2]
    )
  })

  t.test('of a transaction that was run again tell which run a statement is of', async t => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    t.teardown(() => context.disable())
    const { db, spans } = await build(t)
    let runs = 0
    await db.transaction(
      async tx => {
        runs += 1
        await tx.execute(sql`select * from notes`)
        if (runs === 1) await tx.execute(sql.raw("do $$ begin raise sqlstate '40001'; end $$"))
      },
      { retry: 1 }
    )

    t.match(spans('transaction')[0]?.attributes, {
      'fastify_neon.attempts': 2,
      'fastify_neon.transaction.outcome': 'committed'
    })
    t.strictSame(
      spans('SELECT notes').map(({ attributes }) => attributes['fastify_neon.transaction.attempt']),
      [undefined, 2]
    )
    const transaction = spans('transaction')[0]?.spanContext().spanId
    t.ok(
      spans(/SELECT|COMMIT|DO/).every(({ parentSpanContext }) => parentSpanContext?.spanId === transaction)
    )
  })

  t.test('of a connect that failed have the code of the failure', async t => {
    const { db, spans } = await build(
      t,
      {},
      { connectTimeoutMs: 100 },
      'postgresql://me:a-word@127.0.0.1:1/none'
    )
    await until(() => spans('connect').length > 0)
    await t.rejects(db.execute(sql`select 1`), { code: 'FST_NEON_UNREACHABLE' })

    t.match(spans('connect')[0]?.attributes, { 'error.type': 'FST_NEON_UNREACHABLE', 'server.port': 1 })
    t.match(spans('checkout')[0]?.attributes, { 'error.type': 'FST_NEON_UNREACHABLE' })
  })

  t.test('of a database on Neon have the port of its proxy', async t => {
    t.strictSame(targetOf({ host: 'ep-x-1.us-east-2.aws.neon.tech', port: 5432, database: 'tasks' }), {
      'db.namespace': 'tasks',
      'server.address': 'ep-x-1.us-east-2.aws.neon.tech',
      'server.port': 443
    })
  })

  t.test('of what no keyword tells have the name of the system', async t => {
    const { db, spans } = await build(t)
    await t.rejects(db.$client.query('nonsense'))

    t.equal(spans('postgresql')[0]?.attributes['db.operation.name'], undefined)
  })

  t.test('are of the databases of this server alone, and none comes after its end', async t => {
    const one = await build(t)
    const other = await build(t)
    await other.db.execute(sql`select 1`)
    t.equal(one.spans('SELECT').length, 0)
    t.equal(other.spans('SELECT').length, 1)

    await one.app.close()
    await other.app.close()
    t.notOk(STATEMENT.hasSubscribers)
  })
})

t.test('metrics', async t => {
  t.test('are by the conventions', async t => {
    const { db, metrics } = await build(t)
    await db.$client.query('select * from notes')
    await t.rejects(db.execute(sql`select * from nowhere`))
    await db.$client.connect().then(client => client.release(true))
    await db.$client.query('select 1')

    const read = await metrics()
    t.strictSame([...read.keys()].sort(), [
      'db.client.connection.count',
      'db.client.connection.create_time',
      'db.client.connection.idle.max',
      'db.client.connection.max',
      'db.client.connection.pending_requests',
      'db.client.connection.use_time',
      'db.client.connection.wait_time',
      'db.client.operation.duration'
    ])
    const duration = read.get('db.client.operation.duration')
    t.equal(duration?.descriptor.unit, 's')
    t.match(duration?.points[0], {
      attributes: {
        'db.system.name': 'postgresql',
        'db.query.summary': 'SELECT notes',
        'db.collection.name': 'notes'
      },
      value: { count: 1, buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] } }
    })
    t.match(duration?.points[1]?.attributes, { 'error.type': '42P01', 'db.response.status_code': '42P01' })
    const pool = { 'db.client.connection.pool.name': 'db' }
    t.strictSame(read.get('db.client.connection.count')?.points, [
      { attributes: { ...pool, 'db.client.connection.state': 'idle' }, value: 1 },
      { attributes: { ...pool, 'db.client.connection.state': 'used' }, value: 0 }
    ])
    t.match(read.get('db.client.connection.max')?.points, [{ attributes: pool, value: 1 }])
    for (const name of ['create_time', 'use_time', 'wait_time'])
      t.match(
        read.get(`db.client.connection.${name}`)?.points,
        [{ attributes: pool, value: { count: Number } }],
        name
      )
  })

  t.test('count who got no connection in time', async t => {
    const { db, metrics } = await build(t, {}, { maxWaiting: 1 })
    const client = await db.$client.connect()
    const waiting = db.$client.connect()
    await t.rejects(db.$client.connect(), { code: 'FST_NEON_EXHAUSTED' })
    client.release()
    await waiting.then(next => next.release())

    t.match((await metrics()).get('db.client.connection.timeouts')?.points, [{ value: 1 }])
  })
})

t.test('without an SDK and without options nothing changes', async t => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(dbPlugin, { connectionString: await createDatabase(t) } as never)
  await app.register(otelPlugin)

  t.equal(await app.db.transaction(async tx => (await tx.execute(sql`select 1`)).rowCount), 1)
})

t.test('an option that it does not know is refused', async t => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(dbPlugin, { connectionString: await createDatabase(t) } as never)

  await t.rejects(async () => app.register(otelPlugin, { tracer: 1 } as never), {
    code: 'FST_NEON_OPTION_INVALID'
  })
})
