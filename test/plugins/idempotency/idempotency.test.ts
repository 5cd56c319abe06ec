import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { loseAnswerToCommit, type Wire } from '../../../packages/fastify-neon/test/support/wire.ts'
import { build as buildApp, until } from '../../support/app.ts'
import { administer, atCommit, DIE, holdTable, isWaiting } from '../../support/postgres.ts'

const KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
const PATIENCE_MS = 5000

async function build(t: Test) {
  const { app, databaseUrl, token, logs } = await buildApp(t)
  // Nothing takes a client any more but what the test sends.
  await until(async () => (await app.inject('/readyz')).statusCode === 200)
  await until(() => app.db.$client.idleCount === app.db.$client.totalCount)
  return { app, databaseUrl, logs, send, stored }

  async function send(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    body?: object,
    more: Sent = {}
  ) {
    const { user = 'alice', key } = more
    const response = await app.inject({
      method,
      url,
      ...(body && { payload: JSON.stringify(body) }),
      headers: {
        authorization: `Bearer ${await token(user)}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key })
      }
    })
    return {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      code: codeIn(response.body)
    }
  }

  async function stored() {
    return (await administer('select title from tasks order by title', databaseUrl)).map(({ title }) => title)
  }
}

interface Sent {
  user?: string
  key?: string
}

function codeIn(text: string): unknown {
  return text.startsWith('{') ? JSON.parse(text).code : undefined
}

t.test('a request that is repeated under its key', async t => {
  t.test('is carried out once, and answered the same to the byte', async t => {
    const { send, stored } = await build(t)

    const first = await send('POST', '/tasks', { title: 'once' }, { key: KEY })
    const again = await send('POST', '/tasks', { title: 'once' }, { key: KEY })

    t.equal(first.status, 201)
    t.equal(first.headers['idempotency-replayed'], undefined)
    t.equal(again.status, 201)
    t.equal(again.text, first.text)
    t.equal(again.headers.location, first.headers.location)
    t.equal(again.headers['content-type'], first.headers['content-type'])
    t.equal(again.headers['idempotency-replayed'], 'true')
    t.strictSame(await stored(), ['once'])
  })

  t.test('gets the answer that a request without a key gets', async t => {
    const { send } = await build(t)

    const keyed = await send('POST', '/tasks', { title: 'same' }, { key: KEY })
    const plain = await send('POST', '/tasks', { title: 'same' })

    const headers = ['content-type', 'content-length', 'location']
    for (const name of headers) t.equal(typeof keyed.headers[name], typeof plain.headers[name], name)
    t.equal(keyed.headers['content-type'], plain.headers['content-type'])
    t.strictSame(Object.keys(JSON.parse(keyed.text)), Object.keys(JSON.parse(plain.text)))
  })

  t.test('changes and deletes once as well', async t => {
    const { send } = await build(t)
    const { headers } = await send('POST', '/tasks', { title: 'x' })
    const url = String(headers.location)

    const patched = await send('PATCH', url, { done: true }, { key: '"patch"' })
    await send('PATCH', url, { done: false })
    const patchedAgain = await send('PATCH', url, { done: true }, { key: '"patch"' })
    const deleted = await send('DELETE', url, undefined, { key: '"delete"' })
    const deletedAgain = await send('DELETE', url, undefined, { key: '"delete"' })

    t.equal(patchedAgain.text, patched.text)
    t.strictSame([deleted.status, deletedAgain.status], [204, 204])
    t.strictSame([deleted.text, deletedAgain.text], ['', ''])
    t.equal(deletedAgain.headers['idempotency-replayed'], 'true')
    t.equal((await send('DELETE', url)).status, 404)
  })

  t.test('many times at once is carried out once, and nobody gets a second effect', async t => {
    const { send, stored } = await build(t)

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send('POST', '/tasks', { title: 'once' }, { key: KEY }))
    )

    const made = answers.filter(({ status }) => status === 201)
    const refused = answers.filter(({ status }) => status === 409)
    t.ok(made.length >= 1)
    t.equal(made.length + refused.length, 20)
    t.equal(new Set(made.map(({ text }) => text)).size, 1)
    for (const { code } of refused) t.equal(code, 'APP_IDEMPOTENCY_KEY_IN_USE')
    t.strictSame(await stored(), ['once'])
  })

  t.test('is answered 409 at once while the first is being carried out', async t => {
    const { send, stored, databaseUrl } = await build(t)
    const release = await holdTable(t, databaseUrl)
    const first = send('POST', '/tasks', { title: 'once' }, { key: KEY })
    await until(() => isWaiting(databaseUrl))

    const second = await Promise.race([
      send('POST', '/tasks', { title: 'once' }, { key: KEY }),
      sleep(PATIENCE_MS, undefined, { ref: false })
    ])
    await release()

    t.match(second, { status: 409, code: 'APP_IDEMPOTENCY_KEY_IN_USE', headers: { 'retry-after': '1' } })
    t.equal((await first).status, 201)
    t.strictSame(await stored(), ['once'])
  })

  t.test('is rolled back when there is an answer after all, whoever stored it', async t => {
    const { send, stored, databaseUrl } = await build(t)
    const release = await holdTable(t, databaseUrl)
    const first = send('POST', '/tasks', { title: 'twice' }, { key: '"k"' })
    await until(() => isWaiting(databaseUrl))

    await administer(
      "insert into idempotency_keys values ('alice', 'k', '', 201, '{}', '', now() + interval '1 day')",
      databaseUrl
    )
    await release()

    t.match(await first, { status: 409, code: 'APP_IDEMPOTENCY_KEY_IN_USE' })
    t.strictSame(await stored(), [])
  })

  t.test('is carried out when the first lost its connection each time it was run', async t => {
    const { send, stored, databaseUrl } = await build(t)
    await administer(
      `create function die() returns trigger language plpgsql security definer as
         $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
       create trigger die before insert on tasks for each row execute function die()`,
      databaseUrl
    )

    t.match(await send('POST', '/tasks', { title: 'once' }, { key: KEY }), {
      status: 503,
      code: 'FST_NEON_CONNECTION_LOST',
      headers: { 'retry-after': /^[123]$/ }
    })
    await administer('drop trigger die on tasks', databaseUrl)
    const second = await send('POST', '/tasks', { title: 'once' }, { key: KEY })

    t.equal(second.status, 201)
    t.equal(second.headers['idempotency-replayed'], undefined)
    t.strictSame(await stored(), ['once'])
  })
})

t.test('a COMMIT of unknown outcome', async t => {
  t.test('that was stored is resolved by the key to the same one effect', async t => {
    const { app, send, stored } = await build(t)
    app.db.$client.once('acquire', (client: Wire) =>
      loseAnswerToCommit(client, () => until(async () => (await stored()).length > 0))
    )

    const first = await send('POST', '/tasks', { title: 'once' }, { key: KEY })
    const second = await send('POST', '/tasks', { title: 'once' }, { key: KEY })

    t.match(first, {
      status: 503,
      code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN',
      headers: { 'retry-after': /^[123]$/ }
    })
    t.match(second, { status: 201, headers: { 'idempotency-replayed': 'true' } })
    t.strictSame(await stored(), ['once'])
  })

  t.test('that was not stored is resolved by the key to one effect', async t => {
    const { send, stored, databaseUrl } = await build(t)
    await atCommit(databaseUrl, 'tasks', DIE)

    const first = await send('POST', '/tasks', { title: 'once' }, { key: KEY })
    await administer('drop trigger late on tasks', databaseUrl)
    const second = await send('POST', '/tasks', { title: 'once' }, { key: KEY })

    t.match(first, {
      status: 503,
      code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN',
      headers: { 'retry-after': /^[123]$/ }
    })
    t.equal(second.status, 201)
    t.equal(second.headers['idempotency-replayed'], undefined)
    t.strictSame(await stored(), ['once'])
  })

  t.test('does not ask for a second write without a key', async t => {
    const { app, send, stored } = await build(t)
    app.db.$client.once('acquire', (client: Wire) =>
      loseAnswerToCommit(client, () => until(async () => (await stored()).length > 0))
    )

    const { code, headers } = await send('POST', '/tasks', { title: 'once' })

    t.equal(code, 'FST_NEON_COMMIT_OUTCOME_UNKNOWN')
    t.equal(headers['retry-after'], undefined)
  })
})

t.test('a key', async t => {
  t.test('is refused for another payload, path or method', async t => {
    const { send, stored } = await build(t)
    const { headers } = await send('POST', '/tasks', { title: 'one' }, { key: KEY })
    const url = String(headers.location)

    const others = [
      await send('POST', '/tasks', { title: 'another' }, { key: KEY }),
      await send('PATCH', url, { title: 'one' }, { key: KEY }),
      await send('DELETE', url, undefined, { key: KEY })
    ]

    for (const { status, code } of others) t.strictSame([status, code], [422, 'APP_IDEMPOTENCY_KEY_REUSED'])
    t.strictSame(await stored(), ['one'])
  })

  t.test('holds for the same members in another order', async t => {
    const { send, stored } = await build(t)

    await send('POST', '/tasks', { title: 'x', notes: 'y' }, { key: KEY })
    const { headers } = await send('POST', '/tasks', { notes: 'y', title: 'x' }, { key: KEY })

    t.equal(headers['idempotency-replayed'], 'true')
    t.strictSame(await stored(), ['x'])
  })

  t.test('of another user is another key', async t => {
    const { send, stored } = await build(t)

    const ofAlice = await send('POST', '/tasks', { title: 'x' }, { key: KEY })
    const ofBob = await send('POST', '/tasks', { title: 'x' }, { key: KEY, user: 'bob' })

    t.strictSame([ofAlice.status, ofBob.status], [201, 201])
    t.not(ofBob.text, ofAlice.text)
    t.equal(ofBob.headers['idempotency-replayed'], undefined)
    t.strictSame(await stored(), ['x', 'x'])
  })

  t.test('stays free after a request that failed, since nothing of it was done', async t => {
    const { send, stored } = await build(t)
    const nowhere = '/tasks/00000000-0000-4000-8000-000000000000'

    const failed = await send('PATCH', nowhere, { done: true }, { key: KEY })
    const next = await send('POST', '/tasks', { title: 'x' }, { key: KEY })

    t.strictSame([failed.status, next.status], [404, 201])
    t.strictSame(await stored(), ['x'])
  })

  t.test('is refused when it is none, before anything is done', async t => {
    const { send, stored } = await build(t)

    const { status, code } = await send('POST', '/tasks', { title: 'x' }, { key: '"open' })

    t.strictSame([status, code], [400, 'APP_IDEMPOTENCY_KEY_INVALID'])
    t.strictSame(await stored(), [])
  })

  t.test('is passed over on a route that takes none', async t => {
    const { send } = await build(t)

    const { status, headers } = await send('GET', '/tasks', undefined, { key: '"open' })

    t.equal(status, 200)
    t.equal(headers['idempotency-replayed'], undefined)
  })
})
