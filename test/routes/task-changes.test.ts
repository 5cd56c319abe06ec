import pg from 'pg'
import t, { type Test } from 'tap'
import { build, CANARY, until } from '../support/app.ts'
import { countWaiting } from '../support/postgres.ts'

const NOBODYS_ID = '11111111-2222-4333-8444-555555555555'
const KEY = { 'idempotency-key': '8e03978e-40d5-43dd-bc93-6894a57f9324' }
const ifMatch = (tag: unknown) => ({ 'if-match': String(tag) })

async function buildWithTask(t: Test) {
  const built = await build(t)
  const { body: task, headers } = await built.as('alice')('POST', '/tasks', { title: CANARY })
  return { ...built, alice: built.as('alice'), url: `/tasks/${task.id}`, task, etag: headers.etag }
}

t.test('the ETag of a task', async t => {
  t.test('is its version, and another one after each change', async t => {
    const { alice, url, etag, task } = await buildWithTask(t)

    const changed = await alice('PATCH', url, { done: true })
    const again = await alice('PATCH', url, { done: true })
    const read = await alice('GET', url)

    t.strictSame(
      [etag, changed.headers.etag, again.headers.etag, read.headers.etag],
      ['"1"', '"2"', '"3"', '"3"']
    )
    t.strictSame([task.version, read.body.version], [1, 3])
  })

  t.test('is answered with 304 and no body to who has that state already', async t => {
    const { alice, url, etag } = await buildWithTask(t)
    const known = { 'if-none-match': String(etag) }

    const same = await alice('GET', url, undefined, known)
    const head = await alice('HEAD', url, undefined, known)
    await alice('PATCH', url, { done: true })
    const changed = await alice('GET', url, undefined, known)

    t.match(same, { status: 304, body: '', headers: { etag } })
    t.equal(same.headers['content-length'], undefined)
    t.equal(head.status, 304)
    t.match(changed, { status: 200, body: { done: true }, headers: { etag: '"2"' } })
  })

  t.test('H9 of another user tells nothing', async t => {
    const { as, alice, url, etag, task } = await buildWithTask(t)
    const mallory = as('mallory')

    for (const tag of [etag, '"7"', '*', 'W/"1"']) {
      for (const [method, body] of [['PATCH', { done: true }], ['DELETE']] as const) {
        const foreign = await mallory(method, url, body, ifMatch(tag))
        const missing = await mallory(method, `/tasks/${NOBODYS_ID}`, body, ifMatch(tag))
        t.equal(foreign.status, 404, `${method} ${tag}`)
        t.strictSame(foreign.body, missing.body)
        t.equal(foreign.headers.etag, undefined)
      }
      const read = await mallory('GET', url, undefined, { 'if-none-match': String(tag) })
      t.match(read, { status: 404, body: { code: 'APP_TASK_NOT_FOUND' } })
    }
    t.strictSame((await alice('GET', url)).body, task)
  })
})

t.test('a change with If-Match', async t => {
  t.test('is carried out on that state', async t => {
    const { alice, url, etag } = await buildWithTask(t)

    const changed = await alice('PATCH', url, { done: true }, ifMatch(etag))
    const deleted = await alice('DELETE', url, undefined, ifMatch(`"1", ${changed.headers.etag}`))

    t.equal(changed.status, 200)
    t.equal(deleted.status, 204)
  })

  t.test('is refused on any other, and nothing is done', async t => {
    const { alice, url, etag } = await buildWithTask(t)
    const { body: task } = await alice('PATCH', url, { notes: 'by somebody else' })

    for (const tag of [etag, 'W/"2"', '"3"', '"x"']) {
      const changed = await alice('PATCH', url, { done: true }, ifMatch(tag))
      const deleted = await alice('DELETE', url, undefined, ifMatch(tag))
      t.match(
        [changed, deleted],
        [changed, deleted].map(() => ({ status: 412, body: { code: 'APP_TASK_CHANGED' } }))
      )
    }
    t.strictSame((await alice('GET', url)).body, task)
  })

  t.test('is refused when the header is no list of tags', async t => {
    const { alice, url } = await buildWithTask(t)

    for (const [method, name] of [
      ['PATCH', 'if-match'],
      ['DELETE', 'if-match'],
      ['GET', 'if-none-match']
    ] as const) {
      const body = method === 'PATCH' ? { done: true } : undefined
      const response = await alice(method, url, body, { [name]: 'nonsense' })
      t.match(response, { status: 400, body: { code: 'APP_ETAG_INVALID' } }, method)
    }
  })

  t.test('succeeds once of two at the same time', async t => {
    const { alice, url, etag, databaseUrl } = await buildWithTask(t)
    const release = await holdRow(t, databaseUrl)

    const both = ['first', 'second'].map(notes => alice('PATCH', url, { notes }, ifMatch(etag)))
    await until(async () => (await countWaiting(databaseUrl)) === 2)
    await release()
    const answers = await Promise.all(both)

    t.strictSame(answers.map(({ status }) => status).sort(), [200, 412])
    const kept = answers.find(({ status }) => status === 200)
    t.strictSame((await alice('GET', url)).body, kept?.body)
    t.equal(kept?.headers.etag, '"2"')
  })

  t.test('finds no task that is deleted while it waits', async t => {
    const { alice, url, etag, databaseUrl } = await buildWithTask(t)
    const release = await holdRow(t, databaseUrl, 'delete from tasks')

    const change = alice('PATCH', url, { done: true }, ifMatch(etag))
    await until(async () => (await countWaiting(databaseUrl)) === 1)
    await release()

    t.match(await change, { status: 404, body: { code: 'APP_TASK_NOT_FOUND' } })
  })

  t.test('is not needed: without it the last one wins', async t => {
    const { alice, url } = await buildWithTask(t)

    const answers = await Promise.all(['a', 'b', 'c'].map(notes => alice('PATCH', url, { notes })))

    t.strictSame(
      answers.map(({ headers }) => headers.etag).sort(),
      ['"2"', '"3"', '"4"'],
      'and none is lost on the way'
    )
  })
})

t.test('a change with If-Match and an Idempotency-Key', async t => {
  t.test('is answered the same again, ETag included, though the task is another by now', async t => {
    const { alice, url, etag } = await buildWithTask(t)
    const send = () => alice('PATCH', url, { done: true }, { ...KEY, ...ifMatch(etag) })

    const first = await send()
    await alice('PATCH', url, { done: false })
    const again = await send()

    t.match(first, { status: 200, headers: { etag: '"2"' } })
    t.match(again, { status: 200, headers: { etag: '"2"', 'idempotency-replayed': 'true' } })
    t.strictSame(again.body, first.body)
  })

  t.test('keeps its key free when it is refused', async t => {
    const { alice, url } = await buildWithTask(t)

    const refused = await alice('PATCH', url, { done: true }, { ...KEY, ...ifMatch('"2"') })
    const again = await alice('PATCH', url, { done: true }, { ...KEY, ...ifMatch('"1"') })

    t.strictSame([refused.status, again.status], [412, 200])
  })

  t.test('is another request when If-Match is another', async t => {
    const { alice, url } = await buildWithTask(t)

    const first = await alice('PATCH', url, { done: true }, { ...KEY, ...ifMatch('"1"') })
    const other = await alice('PATCH', url, { done: true }, { ...KEY, ...ifMatch('"2"') })

    t.match(first.status, 200)
    t.match(other, { status: 422, body: { code: 'APP_IDEMPOTENCY_KEY_REUSED' } })
  })

  t.test('H9 under the key of another user is a request of its own', async t => {
    const { as, alice, url } = await buildWithTask(t)
    await alice('PATCH', url, { done: true }, KEY)

    const foreign = await as('mallory')('PATCH', url, { done: true }, KEY)
    const own = await as('mallory')('POST', '/tasks', { title: CANARY }, KEY)

    t.match(foreign, { status: 404, body: { code: 'APP_TASK_NOT_FOUND' } })
    t.equal(own.status, 201)
    t.equal(own.headers['idempotency-replayed'], undefined)
  })
})

/** Keeps everybody from changing a task until the returned function is called. */
async function holdRow(t: Test, databaseUrl: string, statement = 'select 1 from tasks for update') {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query('begin')
  await client.query(statement)
  t.teardown(() => client.end())
  return () => client.query('commit')
}
