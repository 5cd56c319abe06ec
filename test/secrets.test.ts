/**
 * Over every error that the service can be made to give, no secret is in a log line or in an
 * answer.
 */
import t, { type Test } from 'tap'
import { DATABASE_FAILURES } from '../packages/fastify-neon/src/errors/errors.ts'
import { CAUSE_BY_SQLSTATE, KIND_BY_CAUSE } from '../packages/fastify-neon/src/errors/failure-table.ts'
import type { Environment } from '../src/config.ts'
import { build as buildApp, CANARY, until } from './support/app.ts'
import { administer, atCommit, createDatabase, DIE, holdTable } from './support/postgres.ts'

const PASSWORD = 'canary-password-5e1f0c'
const ROW = 'canary-row-5e1f0c'
const HEADER = 'canary-header-5e1f0c'
const KEY = 'canary-key-5e1f0c'
const QUERY = 'canary-query-5e1f0c'

async function build(t: Test, env: Environment = {}) {
  const { app, logs, token, databaseUrl } = await buildApp(t, { LOG_LEVEL: 'trace', ...env })
  const answers: string[] = []
  return { app, logs, databaseUrl, send, refuseSecrets }

  async function send(method: 'GET' | 'POST' | 'PATCH', url: string, payload?: string, key = KEY) {
    const response = await app.inject({
      method,
      url: `${url}${url.includes('?') ? '' : `?secret=${QUERY}`}`,
      ...(payload !== undefined && { payload }),
      headers: {
        authorization: `Bearer ${await token('alice')}`,
        'content-type': 'application/json',
        'idempotency-key': key,
        cookie: HEADER,
        'x-api-key': HEADER
      }
    })
    if (response.statusCode >= 400) answers.push(JSON.stringify(response.headers), response.body)
    return { status: response.statusCode, ...(response.statusCode >= 400 && response.json()) }
  }

  /** Also for the answers: none of an error may show what was sent. */
  async function refuseSecrets(t: Test) {
    const jwt = await token('alice')
    const text = JSON.stringify([logs, answers])
    t.ok(answers.length > 0)
    for (const secret of [PASSWORD, ROW, HEADER, KEY, QUERY, CANARY, jwt.split('.')[2] ?? ''])
      t.notOk(text.includes(secret), secret)
    t.notMatch(text, /insert into|select "/i)
  }
}

const TASK = JSON.stringify({ title: CANARY, notes: ROW })

/** Makes each new task fail with the SQLSTATE in `fault`, in words that quote the row. */
const RAISE = `
  create table fault (code text);
  insert into fault values ('XX000');
  create function fail() returns trigger language plpgsql security definer as $$
  begin
    raise exception using errcode = (select code from fault), message = new.title || new.notes,
      detail = new.title, hint = new.notes, constraint = 'a_constraint', table = 'tasks';
  end $$;
  create trigger fail before insert on tasks for each row execute function fail()`

t.test('no secret is in a log line or an answer', async t => {
  t.test('of any error of a statement, and each has its code and status', async t => {
    const { send, databaseUrl, refuseSecrets } = await build(t)
    await administer(RAISE, databaseUrl)

    for (const [prefix, cause] of Object.entries(CAUSE_BY_SQLSTATE)) {
      const sqlState = prefix.padEnd(5, '0')
      await administer(`update fault set code = '${sqlState}'`, databaseUrl)

      const { code, status } = await send('POST', '/tasks?', TASK)

      const failure = DATABASE_FAILURES[KIND_BY_CAUSE[CAUSE_BY_SQLSTATE[sqlState] ?? cause].statement]
      t.strictSame([code, status], [failure.code, failure.statusCode], sqlState)
    }
    await refuseSecrets(t)
  })

  t.test('of a constraint, a table that is not there, and a value that does not fit', async t => {
    const { app, send, databaseUrl, refuseSecrets } = await build(t)
    await administer(
      'create unique index on tasks (title); alter table tasks add check (notes <> title)',
      databaseUrl
    )
    app.get('/fit', () => app.db.execute(`select '${CANARY}'::int`))

    await send('POST', '/tasks?', TASK, 'first')
    t.match(await send('POST', '/tasks?', TASK, 'second'), { status: 409, code: 'FST_NEON_CONFLICT' })
    t.match(await send('POST', '/tasks?', JSON.stringify({ title: ROW, notes: ROW })), { status: 400 })
    t.match(await send('GET', '/fit?'), { status: 400, code: 'FST_NEON_INVALID_VALUE' })
    await administer('alter table tasks rename to things', databaseUrl)
    t.match(await send('POST', '/tasks?', TASK), { status: 500, code: 'FST_NEON_STATEMENT_FAILED' })
    await refuseSecrets(t)
  })

  t.test('of a statement without an answer', async t => {
    const { send, databaseUrl, refuseSecrets } = await build(t, { DATABASE_STATEMENT_TIMEOUT_MS: '300' })
    await holdTable(t, databaseUrl)

    t.match(await send('POST', '/tasks?', TASK), { status: 503, code: 'FST_NEON_STATEMENT_TIMEOUT' })
    await refuseSecrets(t)
  })

  t.test('of a lost link and a COMMIT of unknown outcome', async t => {
    const { send, databaseUrl, refuseSecrets } = await build(t)
    await atCommit(databaseUrl, 'tasks', DIE)
    t.match(await send('POST', '/tasks?', TASK), { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' })
    await administer(
      'drop trigger late on tasks; create trigger now after insert on tasks for each row execute function late()',
      databaseUrl
    )
    t.match(await send('POST', '/tasks?', TASK), { status: 503, code: 'FST_NEON_CONNECTION_LOST' })
    await refuseSecrets(t)
  })

  t.test('of a login that is refused and a database that is not there', async t => {
    const url = new URL(await createDatabase(t))
    // A wrong password is refused at once; where nobody listens it is tried for as long as may be.
    for (const [change, timeoutMs] of [
      [{ password: PASSWORD }, ''],
      [{ password: PASSWORD, port: '1' }, '300']
    ] as const) {
      const { send, logs, refuseSecrets } = await build(t, {
        DATABASE_URL: Object.assign(new URL(url), change).href,
        DATABASE_CONNECT_TIMEOUT_MS: timeoutMs
      })
      await until(() => logs.some(({ msg }) => msg === 'database not reached'))

      t.match(await send('POST', '/tasks?', TASK), { status: 503 })
      await refuseSecrets(t)
    }
  })

  t.test('of what the client did wrong', async t => {
    const { send, refuseSecrets } = await build(t)
    const unknownId = '/tasks/00000000-0000-4000-8000-000000000000?'

    t.match(await send('POST', '/tasks?', `{"title": "${CANARY}`), { status: 400 })
    t.match(await send('POST', '/tasks?', JSON.stringify({ title: CANARY, [ROW]: 1 })), { status: 400 })
    t.match(await send('POST', '/tasks?', JSON.stringify({ title: CANARY.repeat(20) })), { status: 400 })
    t.match(await send('POST', '/tasks?', TASK, `"${KEY}`), { code: 'APP_IDEMPOTENCY_KEY_INVALID' })
    await send('POST', '/tasks?', TASK)
    t.match(await send('POST', '/tasks?', JSON.stringify({ title: ROW })), {
      code: 'APP_IDEMPOTENCY_KEY_REUSED'
    })
    t.match(await send('PATCH', unknownId, JSON.stringify({ title: ROW }), 'other'), { status: 404 })
    t.match(await send('GET', `/tasks?cursor=${QUERY}`), { status: 400 })
    t.match(await send('GET', '/nowhere'), { status: 404 })
    await refuseSecrets(t)
  })
})
