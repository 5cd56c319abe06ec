import { sql } from 'drizzle-orm'
import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t, { type Test } from 'tap'
import dbPlugin from '../../../packages/fastify-neon/src/plugins/db.ts'
import { tasks } from '../../../src/db/schema/tasks.ts'
import * as schema from '../../../src/db/schema.ts'
import requestDbPlugin, { type RequestDbOptions } from '../../../src/plugins/auth/request-db.ts'
import { build } from '../../support/app.ts'
import { createDatabase } from '../../support/postgres.ts'

/** Signs in whoever is named in the header `x-user`. */
const auth = fp(
  async (app: FastifyInstance) => {
    app.decorateRequest('user', {
      getter() {
        return { id: String(this.headers['x-user']) }
      }
    })
  },
  { name: 'auth' }
)

async function open(t: Test, options: RequestDbOptions = {}) {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(dbPlugin, { connectionString: await createDatabase(t), schema, role: 'app_user' })
  await app.register(auth)
  await app.register(requestDbPlugin, options)
  const send = async (method: 'GET' | 'HEAD' | 'POST', user: string) =>
    (await app.inject({ method, url: '/', headers: { 'x-user': user } })).json()
  return { app, send }
}

t.test('request.db', async t => {
  t.test('is the client as the signed-in user, and one for a request', async t => {
    const { app, send } = await open(t)
    app.post('/', async request => {
      const { db } = request
      await db.insert(tasks).values({ owner: request.user.id, title: 'x' })
      return { isOne: db === request.db, rows: await db.select({ owner: tasks.owner }).from(tasks) }
    })

    t.strictSame(await send('POST', 'alice'), { isOne: true, rows: [{ owner: 'alice' }] })
    t.strictSame(await send('POST', 'bob'), { isOne: true, rows: [{ owner: 'bob' }] })
  })

  t.test('only reads in a GET and in a HEAD', async t => {
    const { app, send } = await open(t)
    const answers: unknown[] = []
    app.get('/', async ({ db }) => {
      const { rows } = await db.execute(sql`select current_setting('transaction_read_only') as read_only`)
      answers.push(rows[0])
      return rows[0]
    })
    app.post('/', async ({ db }) => {
      // A single SELECT runs READ ONLY everywhere, unless it calls a function that may write.
      const { rows } = await db.execute(
        sql`select current_setting('transaction_read_only') as read_only from pg_sleep(0)`
      )
      return rows[0]
    })

    t.strictSame(await send('GET', 'alice'), { read_only: 'on' })
    await app.inject({ method: 'HEAD', url: '/', headers: { 'x-user': 'alice' } })
    t.strictSame(await send('POST', 'alice'), { read_only: 'off' })
    t.strictSame(answers, [{ read_only: 'on' }, { read_only: 'on' }])
  })

  t.test('carries the user under the claim that the policies read', async t => {
    const { app, send } = await open(t, { claim: 'request.user_id' })
    app.get('/', async ({ db }) => {
      const { rows } = await db.execute(
        sql`select current_setting('request.user_id') as id, app.user_id() as other`
      )
      return rows[0]
    })

    t.strictSame(await send('GET', 'alice'), { id: 'alice', other: null })
  })

  t.test('is not there for nobody', async t => {
    const { app } = await build(t)
    app.get('/unguarded', async ({ db }) => db.select().from(tasks))

    const response = await app.inject('/unguarded')

    t.equal(response.statusCode, 401)
    t.equal(response.json().code, 'APP_UNAUTHENTICATED')
  })
})
