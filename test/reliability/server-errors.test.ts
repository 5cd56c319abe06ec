import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { tasks } from '../../src/db/schema/tasks.ts'
import { until } from '../support/app.ts'
import { administer, countWaiting } from '../support/postgres.ts'
import { collectGarbage } from './support/garbage.ts'
import { holdStatements } from './support/held.ts'
import { scenario } from './support/scenario.ts'
import type { Service } from './support/service.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

const SERVICE = { applicationName: 'fastify-neon' }
const NEVER_MS = 60_000
const ALICE = { 'app.user_id': 'alice' }

/** Makes new tasks fail, in words that quote the row, as often as the one row of `raising` says. */
const RAISE = `
  create table raising (sql_state text, times integer);
  create sequence raised;
  create function fail() returns trigger language plpgsql security definer as $$
  begin
    if nextval('raised') <= (select times from raising) then
      raise exception using errcode = (select sql_state from raising), message = new.title,
        detail = new.title, constraint = 'a_constraint', table = 'tasks';
    end if;
    return new;
  end $$;
  create trigger fail before insert on tasks for each row execute function fail()`

function raise({ databaseUrl }: Service, sqlState: string, times: number) {
  const text = `delete from raising; insert into raising values ('${sqlState}', ${times}); alter sequence raised restart`
  return administer(text, databaseUrl)
}

async function runsOf({ databaseUrl }: Service) {
  const [row] = await administer('select last_value::int as runs from raised', databaseUrl)
  return row?.runs
}

const ALWAYS = 1000

/** What a write is told, after how many runs, and whether it may be sent again. */
const ANSWERS: Record<string, { status: number; code: string; runs?: number; retryAfter?: string }> = {
  '22001': { status: 400, code: 'FST_NEON_INVALID_VALUE' },
  '22003': { status: 400, code: 'FST_NEON_INVALID_VALUE' },
  '22021': { status: 400, code: 'FST_NEON_INVALID_VALUE' },
  // Prepared by then, maybe for other types, so it is run again unnamed.
  '22P02': { status: 400, code: 'FST_NEON_INVALID_VALUE', runs: 2 },
  '23502': { status: 400, code: 'FST_NEON_INVALID_VALUE' },
  '23503': { status: 409, code: 'FST_NEON_CONFLICT' },
  '23505': { status: 409, code: 'FST_NEON_CONFLICT' },
  '23514': { status: 400, code: 'FST_NEON_INVALID_VALUE' },
  '23P01': { status: 409, code: 'FST_NEON_CONFLICT' },
  '25006': { status: 500, code: 'FST_NEON_READ_ONLY' },
  '40001': { status: 409, code: 'FST_NEON_CONTENTION', runs: 3, retryAfter: '1' },
  '40P01': { status: 409, code: 'FST_NEON_CONTENTION', runs: 3, retryAfter: '1' },
  '42501': { status: 500, code: 'FST_NEON_STATEMENT_FAILED' },
  '53100': { status: 503, code: 'FST_NEON_OUT_OF_RESOURCES' },
  '53200': { status: 503, code: 'FST_NEON_OUT_OF_RESOURCES' },
  '55P03': { status: 409, code: 'FST_NEON_CONTENTION', retryAfter: '1' },
  '57014': { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' }
}

// With one connection, since health looks at the schema when a right is missing, beside the requests.
scenario(
  t,
  'each error that a server answers a write with',
  { neon, limits: { max: 1 } },
  async (t, service) => {
    await administer(RAISE, service.databaseUrl)
    const { connects } = service.stats()

    for (const [sqlState, { status, code, runs = 1, retryAfter = null }] of Object.entries(ANSWERS)) {
      await raise(service, sqlState, ALWAYS)
      const { headers, body, ...write } = await service.write('alice')
      const logs = service.logs
        .filter(({ msg }) => msg === 'request failed' || msg === 'requests refused')
        .map(line => JSON.stringify(line))

      t.match(write, { status, code, outcome: 'failed' }, sqlState)
      t.equal(headers?.get('retry-after'), retryAfter, `${sqlState}: whether to send it again`)
      t.equal(await runsOf(service), runs, `${sqlState}: as often as it may help`)
      t.notMatch(JSON.stringify(body), /a_constraint|tasks/, `${sqlState}: says nothing of the schema`)
      if (status >= 500) t.ok(logs.at(-1)?.includes(sqlState), `${sqlState}: is in the log`)
      t.equal((await service.read('alice')).status, 200)
    }
    t.equal(service.stats().connects, connects, 'the connection stays, behind a rollback')
    await raise(service, '00000', 0)
  }
)

scenario(t, 'transactions that met others, twice', { neon }, async (t, service) => {
  await administer(RAISE, service.databaseUrl)

  for (const sqlState of ['40001', '40P01']) {
    await raise(service, sqlState, 2)
    t.equal((await service.write('alice')).status, 201, sqlState)
    t.equal(await runsOf(service), 3)
  }
  t.equal(service.stats().transactionRepeats, 4)
})

scenario(t, 'statements whose sessions are terminated', { neon }, async (t, service) => {
  const { answers, release } = await holdStatements(t, service, () => [
    service.read('alice'),
    service.write('bob')
  ])

  await neon.killBackends(SERVICE)
  // Whether the answer to the statement or the end of the link comes first is chance, and so is what counts it.
  await until(() => service.stats().transactionRepeats >= 2)
  await release()

  const [read, write] = await answers
  t.strictSame([read.status, write.status], [200, 201])
  t.equal(service.stats().transactionRepeats, 2)
})

scenario(
  t,
  'a server that crashes under a write',
  { neon, limits: { connectTimeoutMs: 15_000 } },
  async (t, service) => {
    const sleep = `
    create table awake ();
    create function sleep() returns trigger language plpgsql security definer as
      $$ begin if not exists (select from awake) then perform pg_sleep(60); end if; return new; end $$;
    create trigger sleep before insert on tasks for each row execute function sleep()`
    await administer(sleep, service.databaseUrl)
    const write = service.write('alice')
    const sleeping =
      "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    await until(async () => (await administer(sleeping, service.databaseUrl)).length === 1)
    const [row] = await administer(sleeping, service.databaseUrl)
    await administer('set synchronous_commit = on; insert into awake default values', service.databaseUrl)

    process.kill(Number(row?.pid), 'SIGKILL')

    const { status, code } = await write
    t.match({ status, code }, { status: 201 }, 'is run again, once the server has recovered')
    t.equal((await service.read('alice')).status, 200)
  }
)

scenario(
  t,
  'a server that is starting up',
  { neon, limits: { connectTimeoutMs: 15_000 } },
  async (t, service) => {
    const starting = neon.inject({
      type: 'login',
      message: 'the database system is starting up',
      times: 3
    })
    await neon.killBackends(SERVICE)

    t.equal((await service.read('alice')).status, 200, 'is waited for')
    t.equal(starting.hits, 3)
  }
)

scenario(t, 'statements that the server cancels', { neon }, async (t, service) => {
  const { answers, release } = await holdStatements(t, service, () => [
    service.read('alice'),
    service.write('bob')
  ])
  const { connects, checkouts } = service.stats()

  await administer(
    "select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    service.databaseUrl
  )

  for (const { status, code, headers } of await answers) {
    t.match({ status, code }, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' })
    t.equal(headers?.get('retry-after'), null, 'it would run into the same limit')
  }
  await release()
  t.match(service.stats(), { checkouts, transactionRepeats: 0 }, 'is not run again')
  t.equal((await service.read('alice')).status, 200)
  t.equal(service.stats().connects, connects, 'the connections stay')
})

scenario(
  t,
  'a statement that is not answered by its deadline',
  { neon, limits: { statementTimeoutMs: 2000 } },
  async (t, service) => {
    const { answers, release } = await holdStatements(t, service, () => [
      service.read('alice'),
      service.write('bob')
    ])

    for (const { status, code } of await answers)
      t.match({ status, code }, { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' })
    await until(async () => (await countWaiting(service.databaseUrl)) === 0)
    t.equal(service.stats().statementsCancelled, 2, 'does not run on without a reader')
    await release()
  }
)

scenario(t, 'a server that ends what is idle for long', { neon }, async (t, service) => {
  await within(service, 'idle_session_timeout', async () => {
    await service.read('alice')
    await until(() => service.stats().total === 0)
    t.equal((await service.read('alice')).status, 200)
    await until(() => service.stats().total === 0)
    t.equal((await service.write('alice')).status, 201)
  })
})

scenario(t, 'a server that ends transactions that take long', { neon }, async (t, service) => {
  await administer(
    `create function sleep() returns trigger language plpgsql security definer as
       $$ begin perform pg_sleep(60); return new; end $$;
     create trigger sleep before insert on tasks for each row execute function sleep()`,
    service.databaseUrl
  )
  await within(service, 'transaction_timeout', async () => {
    const write = await service.write('alice')
    const keyed = await service.write('alice', { key: randomUUID() })

    t.match(write, { status: 503, code: 'FST_NEON_CONNECTION_LOST' }, 'after three runs')
    t.equal(write.headers?.get('retry-after'), null)
    t.match(keyed.headers?.get('retry-after'), /^[123]$/, 'under its key it is done once')
  })
  await administer('drop trigger sleep on tasks', service.databaseUrl)
})

/** With half a second as this limit of the database, in all sessions. */
async function within({ databaseUrl }: Service, limit: string, body: () => Promise<void>) {
  const name = new URL(databaseUrl).pathname.slice(1)
  await administer(`alter database ${name} set ${limit} = 500`, neon.url)
  await neon.killBackends(SERVICE)
  await body()
  await administer(`alter database ${name} reset ${limit}`, neon.url)
  await neon.killBackends(SERVICE)
}

scenario(t, 'a constraint, and values that no column takes', { neon }, async (t, service) => {
  await administer('create unique index secret_rule on tasks (owner)', service.databaseUrl)
  t.equal((await service.write('alice')).status, 201)
  const { checkouts } = service.stats()

  const { body, ...second } = await service.write('alice')

  t.match(second, { status: 409, code: 'FST_NEON_CONFLICT' })
  t.notMatch(JSON.stringify(body), /secret_rule|owner|alice/)
  t.equal(service.stats().checkouts, checkouts + 1, 'is not tried again')
  for (const title of ['a\0b', '\ud800', 'x'.repeat(201), ''])
    t.equal((await service.send('alice', 'POST', '/tasks', { body: { title } })).status, 400)
  t.equal((await service.send('alice', 'GET', '/tasks/not-a-uuid')).status, 400)
  t.equal(service.stats().checkouts, checkouts + 1, 'does not reach the database')
})

scenario(t, 'the row of another', { neon }, async (t, service) => {
  const { body } = await service.write('alice')
  const path = `/tasks/${body.id}`

  const answers = await Promise.all([
    service.send('bob', 'GET', path),
    service.send('bob', 'PATCH', path, { body: { done: true } }),
    service.send('bob', 'DELETE', path)
  ])

  for (const answer of answers) t.match(answer, { status: 404, code: 'APP_TASK_NOT_FOUND' })
  t.equal((await service.send('alice', 'GET', path)).body.done, false)
})

scenario(t, 'a transaction whose failed statement nobody tells of', { neon }, async (t, service) => {
  const { app, databaseUrl } = service
  const swallowed = app.db.$withClaims(ALICE).transaction(async tx => {
    await tx.insert(tasks).values({ owner: 'alice', title: 'not to be stored' })
    await tx.execute(sql`select 1 / 0`).catch(() => {})
  })

  await t.rejects(swallowed, { code: 'FST_NEON_ROLLED_BACK' })

  t.strictSame(await administer('select title from tasks', databaseUrl), [])
  t.match(service.stats(), { transactionsCommitted: 0, transactionsRolledBack: 1 })
})

scenario(
  t,
  'a prepared statement that its server does not take any more',
  { neon, limits: { max: 1 } },
  async (t, service) => {
    const { app, databaseUrl } = service
    const db = app.db.$withClaims(ALICE)
    const named = db.select().from(tasks).prepare('all_tasks')
    await service.write('alice')
    const types = ['text', 'varchar(200)', 'text']

    for (const [outdate, isFoundByRole] of [
      [() => administer(`alter table tasks alter title type ${types.shift()}`, databaseUrl), false],
      [() => app.db.execute(sql`deallocate all`), true]
    ] as const) {
      t.equal((await named.execute()).length, 1)
      await outdate()
      t.equal((await service.read('alice')).status, 200)
      t.equal((await named.execute()).length, 1, 'is prepared again')
      await outdate()
      const first = (tx: Pick<typeof db, 'select'>) => tx.select().from(tasks).prepare('all_tasks').execute()
      t.equal((await db.transaction(first)).length, 1, 'also where it is the first of a transaction')
      await outdate()
      const second = db.transaction(async tx => {
        await tx.execute(sql`select 1`)
        return first(tx)
      })
      if (isFoundByRole) t.equal((await second).length, 1, 'the role comes first, and has lost its name too')
      else await t.rejects(second, { code: 'FST_NEON_STATEMENT_FAILED', sqlState: '0A000' })
      t.equal((await named.execute()).length, 1)
    }
    t.equal(service.stats().connects, 1, 'all on one connection')
  }
)

scenario(t, 'a flood of notices', { neon, limits: { statementTimeoutMs: NEVER_MS } }, async (t, service) => {
  const flood = sql`do $$ begin for i in 1..50000 loop raise notice '%', repeat('x', 500); end loop; end $$`
  await service.app.db.execute(sql`do $$ begin raise notice 'one'; end $$`)
  const before = memoryInUse()

  for (let floods = 0; floods < 2; floods += 1) await service.app.db.execute(flood)

  t.ok(memoryInUse() - before < 20_000_000, 'keeps less than came')
  t.match(service.stats(), { connects: 1, clientsLost: 0 })
})

/** What is left when nothing is garbage, in bytes. */
function memoryInUse() {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
