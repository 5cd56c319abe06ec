import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createSuperuser, literal } from '../../src/postgres/superuser.ts'
import { message, proxyError } from '../../src/protocol/messages.ts'
import { until } from '../fixtures/sandbox.ts'
import { scriptedPostgres, welcome } from '../fixtures/scripted-postgres.ts'

t.test('the superuser', async t => {
  t.test('is cloud_admin in the database postgres, as compute_ctl', async t => {
    const { socketPath, sessions } = await scriptedPostgres(t)
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)

    await superuser.query('SELECT 1')

    t.strictSame(sessions, [
      { user: 'cloud_admin', database: 'postgres', application_name: 'compute_ctl:local' }
    ])
  })

  t.test('gets rows of texts, with nothing for null', async t => {
    const { socketPath } = await scriptedPostgres(t, () => [['a', null, 'ü'], [''], []])
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)

    t.strictSame(await superuser.query('SELECT'), [['a', '', 'ü'], [''], []])
  })

  t.test('asks one thing after the other, in one session', async t => {
    const { socketPath, statements, sessions } = await scriptedPostgres(t, async sql => {
      await setImmediate()
      return [[sql]]
    })
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)

    const answers = await Promise.all(['a', 'b', 'c'].map(superuser.query))

    t.strictSame(answers, [[['a']], [['b']], [['c']]])
    t.strictSame(statements, ['a', 'b', 'c'])
    t.equal(sessions.length, 1)
  })

  t.test('is told of an error, and can ask for the next thing', async t => {
    const { socketPath, sessions } = await scriptedPostgres(t, sql =>
      sql === 'bad' ? new Error('that is bad') : [[sql]]
    )
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)
    const first = t.rejects(superuser.query('bad'), { message: 'that is bad' })
    const second = t.rejects(superuser.query('bad'), { message: 'that is bad' })

    const answer = await superuser.query('good')

    await Promise.all([first, second])
    t.strictSame(answer, [['good']])
    t.equal(sessions.length, 1)
  })

  t.test('is told when it cannot log in, and tries again for the next thing', async t => {
    let logins = 0
    const { socketPath } = await scriptedPostgres(
      t,
      () => [['in']],
      socket => {
        logins += 1
        if (logins === 1) socket.end(proxyError('the database system is starting up'))
        else welcome(socket)
      }
    )
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)

    await t.rejects(superuser.query('first'), { message: 'the database system is starting up' })
    t.strictSame(await superuser.query('second'), [['in']])
  })

  t.test('asks again in a new session when Postgres has ended the one it had', async t => {
    const { socketPath, open, sessions } = await scriptedPostgres(t, () => [['here']])
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)
    await superuser.query('first')
    for (const socket of open) {
      socket.write(proxyError('terminating connection because of crash'))
      socket.destroySoon()
    }
    await until('the session is gone', () => open.size === 0)

    const answer = await superuser.query('second')

    t.strictSame(answer, [['here']])
    t.equal(sessions.length, 2)
  })

  t.test('asks again in a new session when the one it had was broken off', async t => {
    const { socketPath, open } = await scriptedPostgres(t, () => [['here']])
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)
    await superuser.query('first')
    for (const socket of open) socket.destroy()
    await until('the session is gone', () => open.size === 0)

    t.strictSame(await superuser.query('second'), [['here']])
  })

  t.test('takes nothing that is left of an answer it could not read for the next one', async t => {
    const { socketPath } = await scriptedPostgres(t, (sql, socket) => {
      if (sql === 'much') socket.write(message(0x44, 'x'.repeat(1024 * 1024 + 1)))
      return [[sql]]
    })
    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)

    await t.rejects(superuser.query('much'), { name: 'UnexpectedMessageError' })
    t.strictSame(await superuser.query('next'), [['next']])
  })

  t.test('fails what is asked for when it ends, and asks for nothing more', async t => {
    const { socketPath, open, sessions } = await scriptedPostgres(t, () => new Promise(() => {}))
    const superuser = createSuperuser(socketPath)
    const failed = t.rejects(superuser.query('for ever'))
    const behind = t.rejects(superuser.query('behind it'), { message: /has ended/ })
    await until('it is asked', () => sessions.length === 1)

    superuser.end()

    await Promise.all([failed, behind])
    await t.rejects(superuser.query('later'), { message: /has ended/ })
    await until('the session is gone', () => open.size === 0)
    t.equal(sessions.length, 1)
  })

  t.test('leaves no session behind when it ends on its way in', async t => {
    const { socketPath, open, sessions } = await scriptedPostgres(t)
    const superuser = createSuperuser(socketPath)
    const failed = t.rejects(superuser.query('too late'))
    await setImmediate()

    superuser.end()

    await failed
    await until('the session is gone', () => open.size === 0)
    t.equal(sessions.length, 1)
  })
})

t.test('a text in a statement', async t => {
  for (const [text, expected] of [
    ['', "E''"],
    ["it's", "E'it''s'"],
    ['a\\b', "E'a\\\\b'"],
    ["\\'; DROP TABLE a; --", "E'\\\\''; DROP TABLE a; --'"]
  ] as const) {
    t.test(`stays one: ${text}`, async t => {
      t.equal(literal(text), expected)
    })
  }
})
