import fc from 'fast-check'
import t from 'tap'
import { build, type Send, type TestResponse } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import { captureStatements, explain } from './statements.ts'

const SORTS = ['createdAt', '-createdAt', 'updatedAt', '-updatedAt', 'title', '-title'] as const
// What is special to LIKE, to SQL, to JSON and to a URL, and letters in two cases.
const ALPHABET = [...`aAbBäÄ%_\\'";-)( $1&+`]

interface Row {
  id: string
  title: string
  notes: string
  done: boolean
  createdAt: string
  updatedAt: string
}

interface Question {
  sort?: (typeof SORTS)[number]
  done?: 'true' | 'false'
  q?: string
}

t.test('the list of tasks', async t => {
  t.test('comes in pages, newest first, with each task once', async t => {
    const { as, databaseUrl } = await build(t)
    // Three at each moment, so that the id has to decide.
    await administer(
      `insert into tasks (owner, title, created_at)
       select 'alice', n::text, timestamptz '2026-01-01' + (n / 3) * interval '1 ms' from generate_series(1, 25) n`,
      databaseUrl
    )

    const pages = await allPages(as('alice'), {}, 7)
    const stored = await administer('select id from tasks order by created_at desc, id desc', databaseUrl)

    t.strictSame(
      pages.map(page => page.length),
      [7, 7, 7, 4]
    )
    t.strictSame(
      pages.flat(),
      stored.map(({ id }) => id)
    )
  })

  t.test('ends without a cursor when the last page is full', async t => {
    const { as } = await build(t)
    const alice = as('alice')
    await alice('POST', '/tasks', { title: 'a' })
    await alice('POST', '/tasks', { title: 'b' })

    const { body } = await alice('GET', '/tasks?limit=2')

    t.equal(body.items.length, 2)
    t.equal(body.nextCursor, null)
  })

  t.test('has each task once while others are made and deleted between the pages', async t => {
    const { as } = await build(t)
    const alice = as('alice')
    for (const title of ['a', 'b', 'c', 'd']) await alice('POST', '/tasks', { title })
    const first = await alice('GET', '/tasks?limit=2&sort=title')

    await alice('DELETE', `/tasks/${first.body.items[1].id}`)
    await alice('POST', '/tasks', { title: 'aa' })
    const second = await alice('GET', `/tasks?limit=2&sort=title&cursor=${first.body.nextCursor}`)

    t.strictSame(titlesOf(second), ['c', 'd'])
  })

  t.test('is searched for plain text, in which no character means anything', async t => {
    const { as } = await build(t)
    const alice = as('alice')
    for (const title of ['100%', '100 x', 'a_b', 'axb', 'c\\d', 'Äpfel'])
      await alice('POST', '/tasks', { title })
    await alice('POST', '/tasks', { title: 'other', notes: 'Kilo ÄPFEL' })
    const found = async (q: string) =>
      titlesOf(await alice('GET', `/tasks?sort=title&q=${encodeURIComponent(q)}`))

    t.strictSame(await found('0%'), ['100%'])
    t.strictSame(await found('_'), ['a_b'])
    t.strictSame(await found('\\'), ['c\\d'])
    t.strictSame(await found('äpfel'), ['other', 'Äpfel'])
    t.strictSame(await found('nothing'), [])
  })

  t.test('answers HEAD as GET, without the body', async t => {
    const { as } = await build(t)

    const head = await as('alice')('HEAD', '/tasks?sort=title')
    const refused = await as('alice')('HEAD', '/tasks?sort=owner')

    t.match(head, { status: 200, body: '', headers: { 'content-type': /json/ } })
    t.equal(refused.status, 400)
  })

  t.test('H10 is what the plain rules say, by statements that no input changes', async t => {
    const { as, databaseUrl } = await build(t)
    const rows = await fill(databaseUrl)
    const statements = captureStatements(t)
    const baseline: Question[] = SORTS.flatMap(sort =>
      [{}, { done: 'true' as const }].flatMap(done => [{}, { q: 'a' }].map(q => ({ sort, ...done, ...q })))
    )
    for (const question of baseline) await allPages(as('alice'), question, 1)
    const known = new Set(statements().map(({ text }) => text))
    t.equal(known.size, 48, 'six orders, with and without done, q and cursor')

    const question = fc.record(
      {
        sort: fc.constantFrom(...SORTS),
        done: fc.constantFrom('true' as const, 'false' as const),
        q: fc.oneof(
          fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 1, maxLength: 3 }),
          fc.constantFrom(
            "' or true --",
            "'; drop table tasks; --",
            '%',
            '\\',
            '$1',
            '{"a":1}',
            '"tasks"."owner"'
          )
        )
      },
      { requiredKeys: [] }
    )
    await fc.assert(
      fc.asyncProperty(question, fc.integer({ min: 5, max: 100 }), async (asked, limit) => {
        const pages = await allPages(as('alice'), asked, limit)
        t.strictSame(pages.flat(), model(rows, asked), JSON.stringify(asked))
        return statements().every(({ text }) => known.has(text))
      }),
      { numRuns: 150 }
    )
    t.strictSame((await administer('select count(*)::int as rows from tasks', databaseUrl))[0], { rows: 60 })
  })

  for (const sort of SORTS) {
    t.test(`F12 reads a page by ${sort} from an index, whichever page it is`, async t => {
      const { app, as, databaseUrl } = await build(t)
      await administer(
        `insert into tasks (owner, title, created_at, updated_at)
         select case when n % 5 = 0 then 'alice' else 'user ' || n % 50 end, 'title ' || n % 1000,
           now() - n * interval '1 s', now() + n % 700 * interval '1 s' from generate_series(1, 20000) n;
         analyze tasks`,
        databaseUrl
      )
      const statements = captureStatements(t)
      const { body } = await as('alice')('GET', `/tasks?sort=${sort}`)
      await as('alice')('GET', `/tasks?sort=${sort}&cursor=${body.nextCursor}`)

      const sent = statements()
      t.equal(sent.length, 2)
      for (const { text, values } of sent) {
        const plan = await explain(app.db.$client, text, values)
        const column = sort.replace('-', '').replace('A', '_a')
        t.match(
          plan,
          new RegExp(
            `Index Scan ${sort.startsWith('-') ? 'Backward ' : ''}using tasks_owner_${column}_id_idx`
          )
        )
        t.notMatch(plan, /Sort|Seq Scan/)
      }
    })
  }
})

t.test('the cursor', async t => {
  const LIST = '/tasks?limit=1'

  async function cursorOf(alice: Send, url = LIST) {
    for (const title of ['a', 'b', 'c']) await alice('POST', '/tasks', { title })
    return (await alice('GET', url)).body.nextCursor
  }

  t.test('H9 of another user is refused', async t => {
    const { as } = await build(t)
    const cursor = await cursorOf(as('alice'))
    await cursorOf(as('mallory'))

    t.equal((await as('alice')('GET', `${LIST}&cursor=${cursor}`)).status, 200)
    const foreign = await as('mallory')('GET', `${LIST}&cursor=${cursor}`)

    t.match(foreign, { status: 422, body: { code: 'APP_CURSOR_INVALID' } })
  })

  t.test('of another order or filter is refused, and one of larger pages is not', async t => {
    const { as } = await build(t)
    const alice = as('alice')
    const cursor = await cursorOf(alice, '/tasks?limit=1&sort=title')

    for (const other of [
      '',
      'sort=-title&',
      'sort=createdAt&',
      'sort=title&done=false&',
      'sort=title&q=a&'
    ]) {
      const { status, body } = await alice('GET', `/tasks?${other}cursor=${cursor}`)
      t.match({ status, code: body.code }, { status: 422, code: 'APP_CURSOR_INVALID' }, other)
    }
    t.strictSame(titlesOf(await alice('GET', `/tasks?sort=title&cursor=${cursor}`)), ['b', 'c'])
  })
})

function titlesOf({ body }: TestResponse): string[] {
  return body.items.map(({ title }: Row) => title)
}

async function allPages(get: Send, question: Question, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = new URLSearchParams({ ...question, limit: `${limit}`, ...(cursor && { cursor }) })
    const { body }: TestResponse = await get('GET', `/tasks?${query}`)
    pages.push(body.items.map(({ id }: Row) => id))
    cursor = body.nextCursor
  }
  return pages
}

/** 45 tasks of alice, with equal moments and titles among them, and 15 of somebody else. */
async function fill(databaseUrl: string): Promise<Row[]> {
  const texts = fc.sample(fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 1, maxLength: 4 }), {
    numRuns: 60,
    seed: 7
  })
  const given = texts.map((title, n) => ({ title, notes: texts[(n * 7) % 60], n }))
  await administer(
    `insert into tasks (owner, title, notes, done, created_at, updated_at)
     select case when n % 4 = 3 then 'bob' else 'alice' end, title, notes, n % 3 = 0,
       timestamptz '2026-01-01' + n / 2 * interval '1 ms', timestamptz '2026-02-01' + n % 9 * interval '1 s'
     from json_to_recordset($json$${JSON.stringify(given)}$json$) as given (title text, notes text, n int)`,
    databaseUrl
  )
  const rows = await administer(
    `select id, title, notes, done, created_at, updated_at from tasks where owner = 'alice'`,
    databaseUrl
  )
  return rows.map(({ created_at, updated_at, ...row }) => ({
    ...(row as Omit<Row, 'createdAt' | 'updatedAt'>),
    createdAt: (created_at as Date).toISOString(),
    updatedAt: (updated_at as Date).toISOString()
  }))
}

function model(rows: Row[], { sort = '-createdAt', done, q }: Question): string[] {
  const column = sort.replace('-', '') as 'createdAt'
  const isIn = (text: string) => text.toLowerCase().includes(String(q).toLowerCase())
  const found = rows
    .filter(row => done === undefined || `${row.done}` === done)
    .filter(({ title, notes }) => q === undefined || isIn(title) || isIn(notes))
    .sort((a, b) => Buffer.compare(Buffer.from(a[column]), Buffer.from(b[column])) || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id)
  return sort.startsWith('-') ? found.reverse() : found
}
