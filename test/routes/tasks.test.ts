import fc from 'fast-check'
import t from 'tap'
import { build, CANARY } from '../support/app.ts'

const NOBODYS_ID = '11111111-2222-4333-8444-555555555555'

t.test('tasks', async t => {
  t.test('are created for the signed-in user, with everything that was left out', async t => {
    const { as } = await build(t)

    const { status, headers, body } = await as('alice')('POST', '/tasks', { title: CANARY })

    t.equal(status, 201)
    t.equal(headers.location, `/tasks/${body.id}`)
    t.match(body, { id: /^[0-9a-f-]{36}$/, title: CANARY, notes: '', done: false, createdAt: /^\d{4}-.*Z$/ })
    t.equal(body.updatedAt, body.createdAt)
    t.strictSame(Object.keys(body).sort(), [
      'createdAt',
      'done',
      'id',
      'notes',
      'title',
      'updatedAt',
      'version'
    ])
  })

  t.test('are read, changed and deleted by their owner', async t => {
    const { as } = await build(t)
    const alice = as('alice')
    const { body: task } = await alice('POST', '/tasks', { title: CANARY, notes: 'milk' })

    const read = await alice('GET', `/tasks/${task.id}`)
    const changed = await alice('PATCH', `/tasks/${task.id}`, { done: true })
    const deleted = await alice('DELETE', `/tasks/${task.id}`)
    const gone = await alice('GET', `/tasks/${task.id}`)

    t.strictSame(read.body, task)
    t.match(changed, {
      status: 200,
      body: { title: CANARY, notes: 'milk', done: true, createdAt: task.createdAt }
    })
    t.ok(changed.body.updatedAt >= task.updatedAt)
    t.equal(deleted.status, 204)
    t.equal(gone.status, 404)
  })

  t.test('of another user are answered as those that never were', async t => {
    const { as } = await build(t)
    const { body: task } = await as('alice')('POST', '/tasks', { title: CANARY })
    const mallory = as('mallory')

    for (const [method, body] of [['GET'], ['PATCH', { done: true }], ['DELETE']] as const) {
      const foreign = await mallory(method, `/tasks/${task.id}`, body)
      const missing = await mallory(method, `/tasks/${NOBODYS_ID}`, body)
      t.equal(foreign.status, 404, method)
      t.strictSame(foreign.body, missing.body, method)
    }
    t.strictSame((await mallory('GET', '/tasks')).body, { items: [], nextCursor: null })
    t.strictSame((await as('alice')('GET', `/tasks/${task.id}`)).body, task)
  })

  t.test('need a token', async t => {
    const { app } = await build(t)

    for (const [method, url] of [
      ['GET', '/tasks'],
      ['POST', '/tasks'],
      ['GET', `/tasks/${NOBODYS_ID}`],
      ['PATCH', `/tasks/${NOBODYS_ID}`],
      ['DELETE', `/tasks/${NOBODYS_ID}`]
    ] as const) {
      const response = await app.inject({ method, url })
      t.equal(response.statusCode, 401, `${method} ${url}`)
    }
  })
})

t.test('what a task takes', async t => {
  const refused: [string, unknown][] = [
    ['no body', undefined],
    ['no title', {}],
    ['an empty title', { title: '' }],
    ['a title that is too long', { title: 'x'.repeat(201) }],
    ['a title that is no text', { title: 7 }],
    ['a NUL', { title: 'a\u0000b' }],
    ['half of a surrogate pair', { title: '\ud800' }],
    ['notes that are too long', { title: 'x', notes: 'x'.repeat(10_001) }],
    ['null', { title: null }],
    ['an owner', { title: 'x', owner: 'bob' }],
    ['an id', { title: 'x', id: NOBODYS_ID }],
    ['a member that does not exist', { title: 'x', extra: true }],
    ['done at creation', { title: 'x', done: true }],
    ['an array', [{ title: 'x' }]]
  ]
  for (const [title, body] of refused) {
    t.test(`is not ${title}`, async t => {
      const { as } = await build(t)

      const response = await as('alice')('POST', '/tasks', body)

      t.equal(response.status, 400)
      t.equal((await as('alice')('GET', '/tasks')).body.items.length, 0)
    })
  }

  t.test('is refused in a change as well', async t => {
    const { as } = await build(t)
    const { body: task } = await as('alice')('POST', '/tasks', { title: 'x' })
    const changes = [
      {},
      { done: 'true' },
      { done: 1 },
      { owner: 'bob' },
      { createdAt: task.createdAt },
      { title: '' }
    ]

    for (const change of changes) {
      t.equal((await as('alice')('PATCH', `/tasks/${task.id}`, change)).status, 400, JSON.stringify(change))
    }
    t.strictSame((await as('alice')('GET', `/tasks/${task.id}`)).body, task)
  })

  t.test('is refused in a query and a path as well', async t => {
    const { as } = await build(t)
    const urls = [
      '/tasks?limit=0',
      '/tasks?limit=101',
      '/tasks?limit=-1',
      '/tasks?limit=1e1',
      '/tasks?limit=',
      '/tasks?limit=1&limit=2',
      '/tasks?owner=bob',
      '/tasks?cursor=',
      '/tasks?cursor=%00',
      `/tasks?cursor=${'a'.repeat(1200)}`,
      '/tasks?done=',
      '/tasks?done=1',
      '/tasks?done=true&done=false',
      '/tasks?sort=',
      '/tasks?sort=owner',
      '/tasks?sort=title%20desc',
      '/tasks?sort=createdAt,title',
      '/tasks?sort=--title',
      '/tasks?q=',
      `/tasks?q=${'x'.repeat(201)}`,
      '/tasks?q=a%00b',
      '/tasks?q=a&q=b',
      '/tasks/not-a-uuid',
      `/tasks/urn:uuid:${NOBODYS_ID}`,
      `/tasks/${NOBODYS_ID}x`
    ]

    for (const url of urls) t.equal((await as('alice')('GET', url)).status, 400, url)
  })

  t.test('is every text that Postgres can store, and it comes back as it was', async t => {
    const { as } = await build(t)
    const title = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 50 })
      .filter(text => !text.includes('\u0000'))

    await fc.assert(
      fc.asyncProperty(title, async text => {
        const { status, body } = await as('alice')('POST', '/tasks', { title: text })
        return status === 201 && body.title === text
      }),
      { numRuns: 30 }
    )
  })

  t.test('is never answered with a 5xx', async t => {
    const { as } = await build(t)

    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        async body => (await as('alice')('POST', '/tasks', body)).status < 500
      ),
      { numRuns: 50 }
    )
  })
})
