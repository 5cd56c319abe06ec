import t, { type Test } from 'tap'
import { ROWS_OF_A_SEARCH } from '../../src/db/tasks.ts'
import { SEARCH_LIMITS } from '../../src/limits.ts'
import { createSearch, type Search } from '../../src/routes/task-search.ts'
import { build, type TestApp, type TestResponse, until } from '../support/app.ts'
import { administer, countWaiting, holdTable } from '../support/postgres.ts'
import { captureStatements, explain } from './statements.ts'

const TASKS = 100_000
const SORTS = ['createdAt', '-createdAt', 'updatedAt', '-updatedAt', 'title', '-title'] as const

t.test('a search among 100,000 tasks', async t => {
  const { app, as, databaseUrl } = await build(t)
  const alice = as('alice')
  // Every 1,000th has the word; and there are some of others.
  await administer(
    `insert into tasks (owner, title, notes, created_at, updated_at)
     select case when n <= ${TASKS} then 'alice' else 'user ' || n % 50 end, 'title ' || n % 1000,
       case when n % 1000 = 0 then 'Needle ' || n else repeat('hay ', 20) end,
       now() - n * interval '1 s', now() + n % 700 * interval '1 s' from generate_series(1, ${1.1 * TASKS}) n;
     analyze tasks`,
    databaseUrl
  )

  t.test('finds each of them once, in pages that end', async t => {
    const found: string[] = []
    let cursor: string | null = ''
    let pages = 0
    while (cursor !== null) {
      const { body }: { body: Page } = await alice(
        'GET',
        `/tasks?q=nEEDLE&limit=100${cursor && `&cursor=${cursor}`}`
      )
      found.push(...body.items.map(({ notes }) => notes))
      cursor = body.nextCursor
      pages += 1
    }

    t.strictSame(
      found,
      Array.from({ length: 100 }, (_, n) => `Needle ${(n + 1) * 1000}`)
    )
    t.ok(pages <= TASKS / ROWS_OF_A_SEARCH + 1, `${pages} pages`)
  })

  t.test('ends a page as soon as it is full', async t => {
    const { body } = await alice('GET', '/tasks?q=hay&limit=3')
    const { body: next } = await alice('GET', `/tasks?q=hay&limit=3&cursor=${body.nextCursor}`)

    t.equal(new Set([...body.items, ...next.items].map(({ id }) => id)).size, 6)
  })

  for (const sort of SORTS) {
    for (const [title, question] of [
      ['the first page', ''],
      ['a page of done ones behind it', '&done=true']
    ] as const) {
      t.test(`F12 reads ${ROWS_OF_A_SEARCH} rows by ${sort} from an index for ${title}`, async t => {
        const { body } = await alice('GET', `/tasks?sort=${sort}&q=nothing${question}`)
        const statements = captureStatements(t)
        await alice('GET', `/tasks?sort=${sort}&q=nothing${question}&cursor=${body.nextCursor}`)

        const [sent, ...others] = statements()
        t.strictSame(others, [])
        const plan = await explain(app.db.$client, `(analyze, timing off) ${sent?.text}`, sent?.values ?? [])
        const column = sort.replace('-', '').replace('A', '_a')
        const direction = sort.startsWith('-') ? 'Backward ' : ''
        t.match(plan, new RegExp(`Index Scan ${direction}using tasks_owner_${column}_id_idx`))
        t.notMatch(plan, /Sort|Seq Scan/)
        const rows = [...plan.matchAll(/actual rows=([\d.]+)/g)].map(([, count]) => Number(count))
        t.ok(Math.max(...rows) <= ROWS_OF_A_SEARCH + 1, plan)
      })
    }
  }
})

t.test('searches of one user', async t => {
  t.test(
    'F12 wait for each other, above a limit they are 429 with Retry-After, and others are not held up',
    async t => {
      // This machine may be busier than a search may take.
      t.intercept(SEARCH_LIMITS, 'timeoutMs', { value: 60_000 })
      const { as, databaseUrl } = await buildReady(t, { DATABASE_STATEMENT_TIMEOUT_MS: '60000' })
      const release = await holdTable(t, databaseUrl)
      const { atOnce, waiting } = SEARCH_LIMITS

      const search = (user: string) => as(user)('GET', '/tasks?q=x')
      const answers: TestResponse[] = []
      const alices = Array.from({ length: atOnce + waiting + 1 }, async () =>
        answers.push(await search('alice'))
      )
      await until(() => answers.length === 1)
      await until(async () => (await countWaiting(databaseUrl)) === atOnce)
      const bobs = search('bob')
      await until(async () => (await countWaiting(databaseUrl)) === atOnce + 1)
      const list = as('alice')('GET', '/tasks')
      await release()

      t.equal((await bobs).status, 200)
      t.equal((await list).status, 200)
      await Promise.all(alices)
      const [refused, ...others] = answers
      t.match(refused, {
        status: 429,
        body: { code: 'APP_TOO_MANY_SEARCHES' },
        headers: { 'retry-after': '1' }
      })
      t.strictSame(
        others.map(({ status }) => status),
        Array(atOnce + waiting).fill(200)
      )
      t.equal((await search('alice')).status, 200)
    }
  )

  t.test('have a deadline of their own, which ends them on the server too', async t => {
    const built = await buildReady(t)
    const search = createSearch({ atOnce: 1, waiting: 1, timeoutMs: 200 })
    const release = await holdTable(t, built.databaseUrl)

    await t.rejects(search(of(built)), { code: 'APP_SEARCH_TIMEOUT', statusCode: 503 })
    t.equal(await countWaiting(built.databaseUrl), 0)
    await release()

    t.strictSame(await search(of(built)), { items: [], last: undefined })
  })

  t.test('are not begun for a client that has gone', async t => {
    const built = await build(t)
    const search = createSearch(SEARCH_LIMITS)

    await t.rejects(search({ ...of(built), signal: AbortSignal.abort() }), { code: 'FST_NEON_ABORTED' })
  })

  t.test('fail with what the database says', async t => {
    const built = await build(t)
    const search = createSearch(SEARCH_LIMITS)
    await administer('alter table tasks rename to elsewhere', built.databaseUrl)

    await t.rejects(search(of(built)), { code: 'FST_NEON_STATEMENT_FAILED' })
  })
})

/** Whose own questions to the database are answered, so that only searches wait for a table. */
async function buildReady(t: Test, env = {}) {
  const built = await build(t, env)
  await until(async () => (await built.app.inject('/readyz')).statusCode === 200)
  return built
}

function of({ app }: TestApp): Search {
  return {
    owner: 'alice',
    limit: 20,
    order: { by: 'createdAt', isDescending: true },
    search: 'x',
    db: app.db.$withClaims({ 'app.user_id': 'alice' }, { readOnly: true }),
    signal: new AbortController().signal
  }
}

interface Page {
  items: { id: string; notes: string }[]
  nextCursor: string | null
}
