import fastify from 'fastify'
import t from 'tap'
import { createDatabase } from '../../../../test/support/postgres.ts'
import db from '../../src/plugins/db.ts'
import health from '../../src/plugins/health/health.ts'
import isolation from '../../src/plugins/isolation/isolation.ts'
import { refuseUnknownOptions } from '../../src/plugins/known-options.ts'
import metrics from '../../src/plugins/metrics/metrics.ts'

t.test('an unknown option', async t => {
  const connectionString = await createDatabase(t)
  const schema = {}

  async function register(options: Record<string, object>) {
    const app = fastify()
    t.teardown(() => app.close())
    await app.register(db, Object({ connectionString, schema, ...options.db }))
    await app.register(health, Object({ ...options.health }))
    await app.register(isolation, Object({ ...options.isolation }))
    await app.register(metrics, Object({ ...options.metrics }))
    return app
  }

  const REFUSED: [plugin: string, options: object, message: string][] = [
    ['db', { maxx: 5 }, 'maxx: unknown option; did you mean max?'],
    ['db', { conectionString: 'x' }, 'conectionString: unknown option; did you mean connectionString?'],
    ['db', { statementTimeout: 5 }, 'statementTimeout: unknown option; did you mean statementTimeoutMs?'],
    ['db', { workers: {} }, 'workers: unknown option'],
    ['health', { intervalms: 5 }, 'intervalms: unknown option; did you mean intervalMs?'],
    ['isolation', { schema: ['public'] }, 'schema: unknown option; did you mean schemas?'],
    ['metrics', { paths: '/m' }, 'paths: unknown option; did you mean path?']
  ]
  for (const [plugin, options, message] of REFUSED)
    t.test(`of ${plugin} is refused: ${message}`, async t => {
      await t.rejects(register({ [plugin]: options }), { code: 'FST_NEON_OPTION_INVALID', message })
    })

  t.test('is none of those that Fastify itself takes, nor one that is undefined', async t => {
    const of = { logLevel: 'warn', logSerializers: {}, prefix: '/of', encapsulate: false, maxx: undefined }

    await t.resolves(register({ db: of, health: of, isolation: of, metrics: of }))
  })

  t.test('has no likely name where all are far', async t => {
    t.throws(() => refuseUnknownOptions({ ab: 1 }, ['max']), { message: 'ab: unknown option' })
    t.throws(() => refuseUnknownOptions({ ab: 1 }, []), { message: 'ab: unknown option' })
  })
})
