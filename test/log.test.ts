import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import fc from 'fast-check'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { AccessLog, LOG_SETTINGS, serializeError } from '../src/log.ts'
import { build } from './support/app.ts'

const SECRET = 'row-content-4711'

t.test('an error in the log', async t => {
  t.test('has the message of a coded error, with the passwords taken out of it', async t => {
    const error = Object.assign(new Error('cannot use postgresql://me:s3cr3t-word@host/db'), {
      code: 'ECONNREFUSED'
    })

    const logged = serializeError(error)

    t.notMatch(JSON.stringify(logged), /s3cr3t/)
    t.match(logged, { code: 'ECONNREFUSED', message: /host\/db/ })
  })

  t.test('has what the engine says of a bug, and no other message, since that may quote a value', async t => {
    const bug = new TypeError("Cannot read properties of undefined (reading 'id')")

    t.equal(serializeError(bug).message, bug.message)
    t.equal(
      serializeError(new TypeError(`The value "${SECRET}" cannot be converted to an integer.`)).message,
      ''
    )
    t.equal(serializeError(new SyntaxError(`Unexpected token in JSON: ${SECRET}`)).message, '')
    t.match(serializeError(new Error(SECRET)).stack, /^at /)
  })

  t.test('has no stack when the stack does not hold its message', async t => {
    const error = new Error('first')
    t.match(error.stack, /first/)
    error.message = 'second'

    t.equal(serializeError(error).stack, '')
    t.equal(serializeError(Object.assign(new Error('x'), { stack: undefined })).stack, '')
  })

  t.test('is made of any value whatever', async () => {
    fc.assert(fc.property(fc.anything(), value => typeof serializeError(value).type === 'string'))
  })

  t.test('does not become the text of the line, however it is logged', async t => {
    const { app, logs } = await build(t)
    const cause = Object.assign(new DatabaseError(SECRET, 1, 'error'), { code: '23505', severity: 'ERROR' })
    const error = new DrizzleQueryError(`select '${SECRET}'`, [SECRET], cause)

    app.log.error(error)
    app.log.error({ err: error })
    app.log.error({ err: error }, error.message)
    app.log.error({ error }, 'with a text')
    app.log.error({ err: error }, 'with a text of %s', 'its own')
    app.log.error(error, 'with a text')
    app.log.error({ err: 'no error', fact: 1 })
    app.log.error({ fact: 1 })
    app.log.error('a text alone')

    const lines = logs.filter(({ level }) => level === 50)
    t.strictSame(
      lines.map(({ msg }) => msg),
      [
        'error',
        'error',
        'error',
        'with a text',
        'with a text of its own',
        'with a text',
        undefined,
        undefined,
        'a text alone'
      ]
    )
    t.notOk(JSON.stringify(lines).includes(SECRET))
  })
})

t.test('a log line', async t => {
  t.test('is at the level of an error for a request whose answer broke off', async t => {
    const lines: unknown[] = []
    const log = { error: (_facts: unknown, message: string) => lines.push(message) }
    const accessLog = new AccessLog()

    accessLog.requestCompleted(
      new Error('broke off'),
      {} as FastifyRequest,
      { log } as unknown as FastifyReply
    )

    t.strictSame(lines, ['request errored'])
  })

  t.test('has no header and no query of a request', async t => {
    const { app, logs } = await build(t)

    await app.inject({
      url: `/tasks?cursor=${SECRET}`,
      headers: { authorization: `Bearer ${SECRET}`, cookie: SECRET, 'idempotency-key': SECRET }
    })

    t.match(
      logs.filter(({ msg }) => msg === 'request completed'),
      [{ req: { method: 'GET', url: '/tasks', host: 'localhost:80', remoteAddress: '127.0.0.1' } }]
    )
    t.notOk(JSON.stringify(logs).includes(SECRET))
  })

  t.test('has of the pool and the Drizzle client what they print of themselves', async t => {
    const { app, logs } = await build(t)
    const pool = { type: 'NeonPool', max: 10 }

    app.log.error(app.db)
    app.log.error(app.db.$client, 'the pool')
    app.log.error({ db: app.db, pool: app.db.$client })

    t.match(
      logs.filter(({ level }) => level === 50),
      [{ value: { type: 'NeonDatabase', pool } }, { msg: 'the pool', value: pool }, { db: { pool }, pool }]
    )
  })

  t.test('has an error by whatever name as the allow-list has it', async t => {
    const { app, logs } = await build(t)

    app.log.error({ failure: new DrizzleQueryError(SECRET, [SECRET]), fact: 1 }, 'failed')
    app.log.error({ fact: 1 }, 'failed')

    t.match(
      logs.filter(({ level }) => level === 50),
      [{ fact: 1, failure: { type: 'DatabaseFailure', code: 'FST_NEON_STATEMENT_FAILED' } }, { fact: 1 }]
    )
    t.notOk(JSON.stringify(logs).includes(SECRET))
    t.strictSame(Object.keys(LOG_SETTINGS.serializers), ['err', 'error', 'req'])
  })
})
