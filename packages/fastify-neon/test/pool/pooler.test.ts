/**
 * What a pooled URL is used for, through a real PgBouncer that gives each transaction to any of few sessions.
 */
import { type SQL, sql } from 'drizzle-orm'
import pg from 'pg'
import t, { type Test } from 'tap'
import { tasks } from '../../../../src/db/schema/tasks.ts'
import { NO_POOLER, openPooler, type PoolerOptions } from '../../../../test/support/pooler.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { createDatabase as createDrizzle } from '../../src/drizzle/database.ts'
import type { NeonPoolOptions } from '../../src/pool/pool.ts'
import { leftoversOf } from '../support/leftovers.ts'
import { openPool } from '../support/pools.ts'

const USERS = ['alice', 'bob', 'carol']
const WHO = sql`select current_user::text as role, current_setting('app.user_id', true) as claim`

interface OpenOptions extends PoolerOptions {
  pool?: Partial<NeonPoolOptions>
}

async function open(t: Test, { pool: limits, ...options }: OpenOptions = {}) {
  const url = await createDatabase(t)
  const { poolSize = 3 } = options
  const pooler = await openPooler(t, { poolSize, ...options })
  const opened = await pod(t, pooler.through(url), limits)
  await administer("insert into tasks (owner, title) values ('alice', 'of alice'), ('bob', 'of bob')", url)
  const leftovers = () => leftoversOf(pooler.through(url), poolSize)
  const database = new URL(url).pathname.slice(1)
  return { url, database, pooler, leftovers, ...opened }
}

/** A pool as each pod has one. */
async function pod(t: Test, url: string, limits: Partial<NeonPoolOptions> = {}) {
  const { pool, events, count } = await openPool(t, { max: 2, ...limits }, url)
  const db = createDrizzle(pool, { role: 'app_user' })
  const as = (user: string, readOnly = false) => db.$withClaims({ 'app.user_id': user }, { readOnly })
  const rows = (user: string) => as(user, true).select({ owner: tasks.owner, title: tasks.title }).from(tasks)
  const add = (user: string, title: string) =>
    as(user).insert(tasks).values({ owner: user, title }).returning()
  return { pool, events, count, db, as, rows, add }
}

const outcomeOf = (work: PromiseLike<unknown>) =>
  Promise.resolve(work).then(
    () => 'done',
    (error: { sqlState?: string; code?: string }) => error.sqlState ?? error.code ?? String(error)
  )

t.test('behind PgBouncer', { skip: NO_POOLER }, async t => {
  for (const [maxPreparedStatements, poolSize] of [
    [1000, 3],
    [1000, 1],
    [0, 3]
  ] as const)
    t.test(
      `everybody has their own rows on ${poolSize} sessions with max_prepared_statements=${maxPreparedStatements}, and nothing stays on one`,
      async t => {
        const { url, as, rows, pool, count, leftovers } = await open(t, { maxPreparedStatements, poolSize })
        const mine = (user: string) => (found: { owner: string }[]) =>
          t.ok(
            found.every(({ owner }) => owner === user),
            `${user} sees what is ${user}’s`
          )

        for (let round = 0; round < 8; round += 1)
          await Promise.all(
            USERS.flatMap(user => [
              rows(user).then(mine(user)),
              rows(user).then(mine(user)),
              as(user)
                .insert(tasks)
                .values({ owner: user, title: `${round}` }),
              as(user).$batch(db => [
                db.insert(tasks).values({ owner: user, title: `${round} of a batch` }),
                db.select().from(tasks)
              ]),
              as(user).transaction(async tx => {
                await tx.insert(tasks).values({ owner: user, title: `${round} of two` })
                await tx
                  .transaction(async nested => {
                    await nested.insert(tasks).values({ owner: user, title: 'undone' })
                    throw new Error('undo')
                  })
                  .catch(() => {})
                mine(user)(await tx.select().from(tasks))
              }),
              as(user).transaction(async tx => mine(user)(await tx.select().from(tasks)), {
                accessMode: 'read only'
              })
            ])
          )

        t.strictSame(await leftovers(), [])
        const stored = await administer(
          'select owner, count(*)::int as n from tasks group by owner order by owner',
          url
        )
        t.strictSame(stored, [
          { owner: 'alice', n: 25 },
          { owner: 'bob', n: 25 },
          { owner: 'carol', n: 24 }
        ])
        t.equal(pool.stats().clientsLost, 0)
        if (maxPreparedStatements > 0) t.equal(count('names-given-up'), 0)
      }
    )

  t.test('a pipeline is on one session from its first step to its last', async t => {
    const { as, pool } = await open(t, { pool: { max: 1 } })

    for (let round = 0; round < 6; round += 1) {
      const [read, write, other] = await Promise.all([
        as('alice', true).execute(WHO),
        as(
          'bob'
        ).execute(sql`with made as (insert into tasks (owner, title) values ('bob', 'x') returning owner)
          select current_user::text as role, current_setting('app.user_id', true) as claim from made`),
        as('carol').transaction(tx => tx.execute(WHO), { trackCommitOutcome: true })
      ])
      t.strictSame(read.rows, [{ role: 'app_user', claim: 'alice' }])
      t.strictSame(write.rows, [{ role: 'app_user', claim: 'bob' }])
      t.strictSame(other.rows, [{ role: 'app_user', claim: 'carol' }])
      const { rows } = await pool.query(
        `select current_user = session_user as same, nullif(current_setting('app.user_id', true), '') as claim`
      )
      t.strictSame(rows, [{ same: true, claim: null }])
    }
  })

  t.test('what fails, at whatever step, leaves no session that is not as new', async t => {
    const { as, rows, leftovers } = await open(t)
    const nobody = as('alice').transaction(tx => tx.execute(sql`select 1 / 0`))

    await t.rejects(nobody, { code: 'FST_NEON_INVALID_VALUE', sqlState: '22012' })
    await t.rejects(as('alice', true).execute(sql`select 1 / 0`), {
      code: 'FST_NEON_INVALID_VALUE',
      sqlState: '22012'
    })
    await t.rejects(as('alice', true).execute(sql`delete from tasks`), {
      code: 'FST_NEON_READ_ONLY',
      sqlState: '25006'
    })
    await t.rejects(as('alice').insert(tasks).values({ owner: 'bob', title: 'x' }), {
      code: 'FST_NEON_STATEMENT_FAILED',
      sqlState: '42501'
    })
    await t.rejects(
      as('alice').transaction(async tx => {
        await tx.insert(tasks).values({ owner: 'alice', title: 'lost' })
        await tx.execute(sql`select pg_advisory_xact_lock(1)`)
        await tx.execute(sql`declare c cursor for select 1`)
        throw new Error('business')
      }),
      { message: 'business' }
    )

    t.strictSame(await rows('alice'), [{ owner: 'alice', title: 'of alice' }])
    t.strictSame(await rows('bob'), [{ owner: 'bob', title: 'of bob' }])
    t.strictSame(await leftovers(), [])
  })

  for (const maxPreparedStatements of [1000, 0])
    t.test(
      `a name of the caller’s works on each session, with max_prepared_statements=${maxPreparedStatements}`,
      async t => {
        const { as } = await open(t, { maxPreparedStatements })
        const prepared = USERS.map(user => ({
          user,
          statement: as(user, true).select({ owner: tasks.owner }).from(tasks).prepare('own_tasks')
        }))

        for (let round = 0; round < 4; round += 1) {
          const found = await Promise.all(prepared.map(({ statement }) => statement.execute()))
          for (const [index, { user }] of prepared.entries())
            t.ok(found[index]?.every(({ owner }) => owner === user))
        }
      }
    )

  t.test('the deadline of a read ends it on its session, and those behind it are served', async t => {
    const { as, pool, url, leftovers } = await open(t, { pool: { max: 1, statementTimeoutMs: 1500 } })
    await pool.query('select 1')

    const read = async (user: string, query: SQL) => as(user, true).execute(query)
    const slow = read('alice', sql`select pg_sleep(60)`)
    const others = USERS.map(user => read(user, WHO))

    await t.rejects(slow, { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    for (const [index, other] of others.entries())
      t.strictSame((await other).rows, [{ role: 'app_user', claim: USERS[index] }])
    t.ok(pool.stats().statementsCancelled >= 1)
    const sleeping =
      "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    t.strictSame(await administer(sleeping, url), [])
    t.strictSame(await leftovers(), [])
  })

  t.test('a statement is prepared from its third run on', async t => {
    const { pool, as } = await open(t, { poolSize: 1, pool: { max: 1 } })
    const own = sql`select count(*)::int as n from pg_prepared_statements where statement like '%find me%'`
    const prepared = async () => (await as('alice', true).execute(own)).rows

    for (let times = 0; times < 2; times += 1) await pool.query("select 'find me'")
    t.strictSame(await prepared(), [{ n: 0 }])
    await pool.query("select 'find me'")

    t.strictSame(await prepared(), [{ n: 1 }])
  })
})

const ROUNDS = 4
const NO_FAILURE: Record<string, string[]> = Object.fromEntries(
  ['a list', 'a read', 'an insert', 'an insert with its row', 'a batch', 'a transaction'].map(work => [
    work,
    Array(ROUNDS).fill('done')
  ])
)

/** Of reads and writes as users, round after round. */
async function outcomesOf({ as, add, rows }: Awaited<ReturnType<typeof pod>>) {
  const outcomes: Record<string, string[]> = {}
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, work] of Object.entries({
      'a list': () => as('alice', true).execute(sql`select * from tasks`),
      'a read': () => rows('bob'),
      'an insert': () => add('alice', 'one more'),
      'an insert with its row': () =>
        as('bob').execute(sql`insert into tasks (owner, title) values ('bob', 'x') returning *`),
      'a batch': () => as('bob').$batch(db => [db.select().from(tasks)]),
      'a transaction': () => as('bob').transaction(tx => tx.select().from(tasks))
    }))
      outcomes[name] = [...(outcomes[name] ?? []), await outcomeOf(work())]
  return outcomes
}

t.test('a change of a table, on the direct host', { skip: NO_POOLER }, async t => {
  for (const pipelining of [true, false])
    for (const maxPreparedStatements of [1000, 0])
      t.test(
        `fails nothing in two pods that ${pipelining ? 'pipeline' : 'do not pipeline'}, with max_prepared_statements=${maxPreparedStatements}`,
        async t => {
          const { url, pooler, ...first } = await open(t, { maxPreparedStatements, pool: { pipelining } })
          const pods = [first, await pod(t, pooler.through(url), { pipelining })]
          /** Of each pod in each of four rounds. */
          const everybody = () => Promise.all(pods.map(outcomesOf))

          t.strictSame(await everybody(), [NO_FAILURE, NO_FAILURE], 'warm')

          await administer('alter table tasks alter title type text', url)
          t.strictSame(await everybody(), [NO_FAILURE, NO_FAILURE], 'after ALTER TYPE')

          await administer('alter table tasks add more int', url)
          t.strictSame(await everybody(), [NO_FAILURE, NO_FAILURE], 'after ADD COLUMN')
        }
      )

  for (const [from, first, to, second] of [
    ['int', '1', 'bigint', '3000000000'],
    ['date', '2026-01-01', 'text', 'one']
  ] as const)
    t.test(`from ${from} to ${to} fails no value that fits now, in two pods`, async t => {
      const { url, pooler, db } = await open(t)
      const pods = [db, (await pod(t, pooler.through(url))).db]
      await administer(`create table changing (value ${from}); grant all on changing to app_user`, url)
      const inserts = pods.map(
        db => (value: string) => db.transaction(tx => tx.execute(sql`insert into changing values (${value})`))
      )
      const finds = pods.map(
        db => (value: string) => db.execute(sql`select value::text from changing where value = ${value}`)
      )
      for (let times = 0; times < 4; times += 1) for (const ask of [...inserts, ...finds]) await ask(first)

      await administer(`alter table changing alter value type ${to}`, url)

      for (let times = 0; times < 3; times += 1)
        for (const ask of [...inserts, ...finds]) t.equal(await outcomeOf(ask(second)), 'done')
      t.equal(await outcomeOf(finds[0]?.(second) ?? Promise.reject()), 'done')
    })

  t.test('is no reason to give a name up for a value that is wrong', async t => {
    const { url, db, pool } = await open(t)
    await administer('create table numbers (value int); grant all on numbers to app_user', url)
    const find = (value: string) => db.execute(sql`select value from numbers where value = ${value}`)
    for (let times = 0; times < 4; times += 1) await find('1')
    const text = 'select value from numbers where value = $1'
    const before = pool.names.of(text)

    t.equal(await outcomeOf(find('one')), '22P02')

    t.strictSame(pool.names.of(text), before)
    t.equal(await outcomeOf(find('2')), 'done')
  })
})

t.test(
  'pods with different statements, where names are passed on as they are',
  { skip: NO_POOLER },
  async t => {
    t.test('never get the answer of the other’s', async t => {
      const { url, pooler, pool } = await open(t, { maxPreparedStatements: 0, pool: { max: 5 } })
      const other = await openPool(t, { max: 5 }, pooler.through(url))
      const ask = (asked: typeof pool, who: string, index: number) =>
        asked.query(`select '${who}' as who, $1::int as n, ${index % 7} as kind`, [index]).then(
          ({ rows: [row] }) => row.who === who && row.n === index && row.kind === index % 7,
          () => false
        )

      const answers = await Promise.all(
        Array.from({ length: 1000 }, (_, index) => [
          ask(pool, 'a', index),
          ask(other.pool, 'b', index)
        ]).flat()
      )

      t.equal(answers.filter(isRight => !isRight).length, 0)
    })
  }
)

t.test('names that do not survive from one transaction to the next', { skip: NO_POOLER }, async t => {
  t.test('are given up by the pool that finds it, once, and no request fails for it', async t => {
    const { url, pooler, pool, rows, add, count } = await open(t, {
      maxPreparedStatements: 0,
      poolSize: 2,
      pool: { max: 1 }
    })
    const stranger = new pg.Client({ connectionString: pooler.through(url) })
    await stranger.connect()
    t.teardown(() => stranger.end())
    for (let times = 0; times < 4; times += 1) t.equal((await rows('alice')).length, 1)

    // The session that was used last, on which everything was prepared.
    await stranger.query('begin')
    const outcomes = []
    for (const work of [rows('alice'), add('alice', 'x'), rows('alice')]) outcomes.push(await outcomeOf(work))

    t.strictSame(outcomes, ['done', 'done', 'done'])
    t.equal(count('names-given-up'), 1)
    t.match(pool.stats(), { connects: 1 })
  })
})

t.test('what drops all prepared statements', { skip: NO_POOLER }, async t => {
  for (const drop of ['deallocate all', 'discard all', 'select 1; deallocate all; select 2'])
    t.test(`is followed by no failure: ${drop}`, async t => {
      const { pool, rows } = await open(t, { pool: { max: 1 } })
      for (let times = 0; times < 4; times += 1) await rows('alice')

      await pool.query(drop)

      for (let times = 0; times < 3; times += 1) t.equal((await rows('alice')).length, 1)
      t.match(pool.stats(), { connects: 1, transactionRepeats: 0 })
    })

  t.test('is healed when it was done inside a function', async t => {
    const { pool, rows, count } = await open(t, { poolSize: 1, pool: { max: 1 } })
    for (let times = 0; times < 4; times += 1) await rows('alice')

    await pool.query("do $$ begin execute 'deallocate all'; end $$")

    for (let times = 0; times < 3; times += 1) t.equal((await rows('alice')).length, 1)
    t.match(pool.stats(), { connects: 1 })
    t.equal(count('names-given-up'), 0)
  })
})

t.test('a pooler', { skip: NO_POOLER }, async t => {
  t.test('that is paused lets nobody fail, and goes on', async t => {
    const { database, pooler, rows, add } = await open(t)
    await rows('alice')

    await pooler.command(`PAUSE ${database}`)
    const waiting = [rows('alice'), rows('bob'), add('alice', 'while it was paused')]
    const outcomes = Promise.all(waiting.map(outcomeOf))
    await pooler.command(`RESUME ${database}`)

    t.strictSame(await outcomes, ['done', 'done', 'done'])
  })

  t.test('that replaces its sessions is not noticed', async t => {
    const { pooler, rows, add, pool } = await open(t)
    const pids = async () =>
      new Set((await pooler.command('SHOW SERVERS')).map(({ remote_pid }) => remote_pid))
    for (let times = 0; times < 4; times += 1) await rows('alice')
    const before = await pids()

    await pooler.command('RECONNECT')
    for (let times = 0; times < 4; times += 1) {
      t.equal(await outcomeOf(rows('alice')), 'done')
      t.equal(await outcomeOf(add('alice', `${times}`)), 'done')
    }

    t.ok([...(await pids())].every(pid => !before.has(pid)))
    t.equal(pool.stats().connects, 1)
  })

  t.test('whose sessions are terminated loses no read, and no write that had not reached COMMIT', async t => {
    const { url, rows, as } = await open(t)
    const kill = () =>
      administer(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        url
      )
    for (let times = 0; times < 4; times += 1) await rows('alice')

    // It calls a function that may have effects, so it is not repeated once it has begun.
    const during = as('alice', true).execute(sql`select pg_sleep(0.2)`)
    await kill()
    t.match(await outcomeOf(during), /^(?:57P01|done)$/)
    await kill()

    t.equal((await rows('alice')).length, 1)
    let runs = 0
    const title = 'written once'
    await as('alice').transaction(
      async tx => {
        await tx.insert(tasks).values({ owner: 'alice', title })
        runs += 1
        if (runs === 1) await kill()
        await tx.execute(sql`select 1`)
      },
      { retry: 2 }
    )
    t.equal(runs, 2)
    t.strictSame(await administer(`select count(*)::int as n from tasks where title = '${title}'`, url), [
      { n: 1 }
    ])
  })

  t.test('that kills a database, and is resumed, serves it again', async t => {
    const { database, pooler, rows } = await open(t)
    await rows('alice')

    await pooler.command(`KILL ${database}`)
    await pooler.command(`RESUME ${database}`)

    t.equal(await outcomeOf(rows('alice')), 'done')
  })

  t.test('that is restarted serves the next request', async t => {
    const { pooler, rows, add } = await open(t)
    await rows('alice')

    await pooler.stop()
    const meanwhile = rows('alice')
    await pooler.start()

    t.equal(await outcomeOf(meanwhile), 'done')
    t.equal(await outcomeOf(add('alice', 'after the restart')), 'done')
  })
})
