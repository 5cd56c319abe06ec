import { eq, sql } from 'drizzle-orm'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import * as schema from '../../../../src/db/schema.ts'
import { CANARY, captureLog, until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import dbPlugin, { type DbOptions } from '../../src/plugins/db.ts'
import type { NeonPool } from '../../src/pool/pool.ts'
import { isLine1, toldOf } from '../support/line.ts'

const told = toldOf(schema)

async function build(t: Test, options: Partial<Omit<DbOptions, 'name' | 'schema'>> = {}) {
  const connectionString = options.connectionString ?? (await createDatabase(t))
  const { logs, stream } = captureLog(connectionString)
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  await app.register(dbPlugin, { ...options, connectionString, ...told })
  return { app, logs, connectionString, said: (text: string) => logs.filter(({ msg }) => msg === text) }
}

t.test('db plugin', async t => {
  t.test('decorates the server with the Drizzle client and its tables', async t => {
    const { app } = await build(t)

    t.strictSame(await app.db.select().from(schema.tasks), [])
    t.strictSame(await app.db.query.tasks.findMany(), [])
  })

  t.test('refuses an option of another Drizzle than the one that is installed', async t => {
    const [name, own] = isLine1() ? ['schema', 'relations'] : ['relations', 'schema']
    const options: object = {
      connectionString: await createDatabase(t),
      [name]: {},
      casing: undefined,
      jit: undefined
    }

    await t.rejects(async () => fastify().register(dbPlugin, options as DbOptions), {
      code: 'FST_NEON_OPTION_INVALID',
      message: new RegExp(
        `^${name}: the drizzle-orm that is installed has no such option; its own are ${own}`
      )
    })
  })

  t.test('takes parsers of values for its pool, which Drizzle and its own checks do without', async t => {
    const types = { getTypeParser: () => (text: string) => `parsed ${text}` }
    const { app } = await build(t, { types })
    const { $client: pool } = app.db
    const question = 'select 1::int8 as one'

    t.strictSame((await pool.query(question)).rows, [{ one: 'parsed 1' }])
    const client = await pool.connect()
    t.strictSame((await client.query(question)).rows, [{ one: 'parsed 1' }])
    client.release()
    t.strictSame((await app.db.execute(sql`select 1::int8 as one`)).rows, [{ one: '1' }])
    t.equal(await app.db.transaction(tx => tx.$count(schema.tasks), { accessMode: 'read only' }), 0)
  })

  t.test('connects in the background', async t => {
    const { app, said } = await build(t)

    await app.ready()
    await until(() => app.db.$client.totalCount === 1 && app.db.$client.idleCount === 1)

    t.equal(said('database reached').length, 1)
  })

  t.test('shows its name to the server', async t => {
    const { app, connectionString } = await build(t, { applicationName: 'tasks of the week' })
    await until(() => app.db.$client.idleCount === 1)

    const rows = await administer(
      'select application_name as name from pg_stat_activity where datname = current_database()',
      connectionString
    )

    t.match(rows, [{ name: /^(?!fastify)/ }, { name: /.*/ }])
    t.ok(rows.some(({ name }) => name === 'tasks of the week'))
  })

  t.test('is refused a second time on one instance tree', async t => {
    const { app, connectionString } = await build(t)

    await t.rejects(
      async () => app.register(async child => child.register(dbPlugin, { connectionString, ...told })),
      { code: 'FST_NEON_ALREADY_REGISTERED' }
    )
  })

  t.test('is refused a connection string that cannot work, without showing it', async t => {
    const app = fastify()
    const connectionString = 'postgresql://me:s3cr3t-word@ep-x.neon.tech/neondb?sslmode=disable'

    await t.rejects(async () => app.register(dbPlugin, { connectionString, ...told }), {
      code: 'FST_NEON_URL_INVALID',
      message: /sslmode/
    })
    await t.rejects(async () => fastify().register(dbPlugin, { connectionString, ...told }), {
      message: /^(?!.*s3cr3t)/
    })
  })

  t.test('is refused a variable of the environment that is not set, with what to do', async t => {
    const connectionString = process.env.THERE_IS_NO_SUCH_VARIABLE

    await t.rejects(async () => fastify().register(dbPlugin, { connectionString, schema }), {
      code: 'FST_NEON_URL_INVALID',
      message: /connectionString is not set: Set it to the connection string that the Neon console shows/
    })
  })

  t.test('does not keep the server from listening while there is no database', async t => {
    const url = Object.assign(new URL(await createDatabase(t)), { port: '1' }).href
    const { app, said } = await build(t, { connectionString: url })

    await app.listen({ port: 0, host: '127.0.0.1' })
    await until(() => said('database not reached').length > 0)

    t.match(said('database not reached'), [{ code: 'FST_NEON_UNREACHABLE', causeCode: 'ECONNREFUSED' }])
  })

  t.test('waits long before it repeats a login that was refused', async t => {
    const url = Object.assign(new URL(await createDatabase(t)), { password: 'not-the-password' }).href
    const { app, said } = await build(t, { connectionString: url })

    await until(() => said('database not reached').length > 0)

    t.match(said('database not reached'), [{ code: 'FST_NEON_REFUSED' }])
    await app.close()
  })

  t.test('lives on when the server ends its idle connections, and says so', async t => {
    const { app, connectionString, said } = await build(t)
    await until(() => app.db.$client.idleCount === 1)

    await administer(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fastify-neon' and datname = current_database()",
      connectionString
    )
    await until(() => said('idle database client lost').length === 1)

    t.strictSame(await app.db.select().from(schema.tasks), [])
  })

  t.test(
    'lets no parameter into the answers and the log of a backend with handlers of Fastify alone',
    async t => {
      const { app, logs } = await build(t)
      app.get('/', () => app.db.select().from(schema.tasks).where(eq(schema.tasks.id, CANARY)))

      const response = await app.inject('/')

      t.equal(response.statusCode, 400)
      t.strictSame(response.json(), {
        statusCode: 400,
        code: 'FST_NEON_INVALID_VALUE',
        error: 'Bad Request',
        message: 'a value is not one that the database accepts'
      })
      t.match(JSON.stringify(logs), 'FST_NEON_INVALID_VALUE')
      t.notOk(JSON.stringify(logs).includes(CANARY))
    }
  )

  t.test('says who keeps a client for long', async t => {
    const { app, said } = await build(t, { checkoutWarningMs: 1 })

    const client = await app.db.$client.connect()
    await until(() => said('database client not given back').length > 0)

    t.match(said('database client not given back').at(-1), { checkedOutMs: 1, place: /db\.test/, level: 40 })
    client.release()
  })

  t.test('says that names of prepared statements are given up', async t => {
    const { app, said } = await build(t)

    const { names } = app.db.$client as NeonPool
    names.giveUp()
    names.giveUp()

    const line =
      'prepared statements are off from now on: a connection did not have a statement that was prepared on it, as behind a pooler with max_prepared_statements = 0'
    t.match(said(line), [{ level: 40 }])
    t.strictSame(await app.db.select().from(schema.tasks), [])
  })

  t.test('says once that statements change their sessions, and how', async t => {
    const { app, logs } = await build(t)

    for (let times = 0; times < 3; times += 1) await app.db.execute(sql`set search_path = pg_catalog`)

    const changes = logs.flatMap(({ change, pooled }) => (change ? { change, pooled } : []))
    t.strictSame(changes, [{ change: 'SET', pooled: false }])
  })

  t.test('ends the pool when the server closes', async t => {
    const { app } = await build(t)

    await app.close()

    await t.rejects(app.db.select().from(schema.tasks), { code: 'FST_NEON_CLOSED' })
  })
})
