import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { apply } from '../packages/fastify-neon/test/migrations/folders.ts'
import { build, CANARY, until } from './support/app.ts'
import { administer, createDatabase, holdTable, isWaiting } from './support/postgres.ts'
import { ROOT } from './support/processes.ts'

/** Two hundred requests at once take long on a busy machine. */
const PATIENT = {
  DATABASE_CHECKOUT_TIMEOUT_MS: '60000',
  DATABASE_CONNECT_TIMEOUT_MS: '60000',
  DATABASE_STATEMENT_TIMEOUT_MS: '60000'
}

t.test('the application', async t => {
  t.test('answers 200 requests of three users at once, each with their own rows', async t => {
    const { as } = await build(t, PATIENT)
    const users = ['alice', 'bob', 'carol']
    await Promise.all(users.map(user => as(user)('POST', '/tasks', { title: `${CANARY} of ${user}` })))

    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const user = users[number % users.length] ?? ''
        const isWrite = number % 4 === 0
        const { status, body } = await (isWrite
          ? as(user)('POST', '/tasks', { title: `${CANARY} of ${user}` })
          : as(user)('GET', '/tasks?limit=100'))
        const titles: string[] = isWrite
          ? [body.title]
          : body.items.map(({ title }: { title: string }) => title)
        return { user, status: isWrite ? status - 1 : status, titles }
      })
    )

    t.ok(answers.every(({ status }) => status === 200))
    t.ok(
      answers.every(
        ({ user, titles }) => titles.length > 0 && titles.every(title => title === `${CANARY} of ${user}`)
      )
    )
    const lists = await Promise.all(users.map(user => as(user)('GET', '/tasks?limit=100')))
    t.equal(
      lists.reduce((sum, { body }) => sum + body.items.length, 0),
      53,
      '50 writes, and the first three'
    )
  })

  t.test('is ready when its migrations are applied, and serves then without a restart', async t => {
    const DATABASE_URL = await createDatabase(t, { migrated: false })
    const { app, as } = await build(t, { DATABASE_URL })
    const statusOf = async (path: string) => (await app.inject(path)).statusCode
    await until(() => app.health.state().waitingFor?.includes('migrations-pending') === true)
    t.strictSame(await Promise.all(['/livez', '/readyz', '/startupz'].map(statusOf)), [200, 503, 503])

    await apply(DATABASE_URL, join(ROOT, 'drizzle'))
    await until(async () => (await statusOf('/readyz')) === 200)

    t.equal((await as('alice')('POST', '/tasks', { title: CANARY })).status, 201)
  })

  t.test('lives on when its connections are killed while idle, and the next request succeeds', async t => {
    const { as, app, databaseUrl } = await build(t)
    await as('alice')('POST', '/tasks', { title: CANARY })
    // Until then health connects by itself.
    await until(async () => (await app.inject('/readyz')).statusCode === 200)

    await killConnections(databaseUrl)
    await until(() => app.db.$client.totalCount === 0)

    t.equal((await as('alice')('GET', '/tasks')).body.items.length, 1)
  })

  t.test(
    'lives on when its connection is killed in a transaction, and the next request succeeds',
    async t => {
      const { as, app, databaseUrl } = await build(t)

      const transaction = app.db.transaction(async tx => {
        await tx.execute(sql`select 1`)
        await killConnections(databaseUrl)
        await tx.execute(sql`select 2`)
      })

      await t.rejects(transaction, { code: 'FST_NEON_CONNECTION_LOST' })
      t.equal((await as('alice')('POST', '/tasks', { title: CANARY })).status, 201)
    }
  )

  t.test('answers 503 when the connection is lost in a statement', async t => {
    const { app, as, databaseUrl } = await build(t)
    await administer(
      `create function die() returns trigger language plpgsql security definer as
         $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
       create trigger die before insert on tasks for each row execute function die()`,
      databaseUrl
    )

    const { status, body, headers } = await as('alice')('POST', '/tasks', { title: CANARY })

    t.equal(status, 503)
    t.equal(body.code, 'FST_NEON_CONNECTION_LOST')
    t.equal(headers['retry-after'], undefined, 'nobody knows whether it took effect')
    t.equal(app.db.$client.waitingCount, 0)
  })

  t.test('writes no title, token or statement into its log, not even at the level of a trace', async t => {
    const { as, logs, databaseUrl, token } = await build(t, { LOG_LEVEL: 'trace' })
    await as('alice')('POST', '/tasks', { title: CANARY })
    await administer('alter table tasks rename to elsewhere', databaseUrl)

    const { status, body } = await as('alice')('POST', '/tasks', { title: CANARY })

    const text = JSON.stringify(logs)
    t.equal(status, 500)
    t.equal(body.code, 'FST_NEON_STATEMENT_FAILED')
    t.match(text, /"sqlState":"42P01"/)
    t.notMatch(text, new RegExp(CANARY))
    t.notMatch(text, /insert into/i)
    t.notOk(text.includes((await token('alice')).slice(0, 30)))
  })

  t.test('answers a path that is no URL, a body that is no JSON, and one that is too large', async t => {
    const { app, token } = await build(t)
    const headers = { authorization: `Bearer ${await token('alice')}`, 'content-type': 'application/json' }
    const post = (payload: string) => app.inject({ method: 'POST', url: '/tasks', headers, payload })

    const badUrl = await app.inject('/%ZZ')
    const badJson = await post(`{"title": "${CANARY}`)
    const proto = await post('{"__proto__": {}, "title": "x"}')
    const large = await post(JSON.stringify({ title: 'x', notes: 'x'.repeat(200_000) }))
    const text = await app.inject({
      method: 'POST',
      url: '/tasks',
      headers: { ...headers, 'content-type': 'text/plain' },
      payload: 'x'
    })

    t.match(
      [badUrl, badJson, proto, large, text].map(({ statusCode }) => statusCode),
      [400, 400, 400, 413, 415]
    )
    for (const response of [badUrl, badJson, proto, large, text]) {
      t.match(response.headers['content-type'], 'application/problem+json')
      t.notMatch(response.body, new RegExp(CANARY))
    }
  })

  t.test('takes a body as large as the largest task', async t => {
    const { as } = await build(t)
    // Each character is two escapes of six bytes in JSON at most.
    const notes = '\u{1F600}'.repeat(10_000)

    const { status, body } = await as('alice')('POST', '/tasks', { title: 'x', notes })

    t.equal(status, 201)
    t.equal(body.notes, notes)
  })

  t.test('cuts off a request that does not come to its end, within its limits', async t => {
    const { app } = await build(t)
    await app.listen({ port: 0, host: '127.0.0.1' })

    t.match(app.server, {
      requestTimeout: 15_000,
      headersTimeout: 10_000,
      timeout: 60_000,
      keepAliveTimeout: 620_000,
      maxConnections: 6000,
      maxHeadersCount: 100
    })
  })

  t.test('finishes a request that is under way when it closes', async t => {
    const { app, as, databaseUrl, token } = await build(t)
    await as('alice')('POST', '/tasks', { title: CANARY })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const releaseTable = await holdTable(t, databaseUrl)
    const headers = { authorization: `Bearer ${await token('alice')}` }
    const underWay = fetch(`${url}/tasks`, { headers })
    await until(() => isWaiting(databaseUrl))

    const closed = app.close()
    await releaseTable()
    const response = await underWay
    await closed

    t.equal(response.status, 200)
    t.match(await response.json(), { items: [{ title: CANARY }] })
    await t.rejects(fetch(`${url}/livez`))
  })
})

async function killConnections(databaseUrl: string) {
  await administer(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fastify-neon' and datname = current_database()",
    databaseUrl
  )
}
