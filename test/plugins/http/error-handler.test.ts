import createError from '@fastify/error'
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { DATABASE_FAILURES, type FailureKind } from '../../../packages/fastify-neon/src/errors/errors.ts'
import { DatabaseFailure } from '../../../packages/fastify-neon/src/errors/failure.ts'
import { KeysUnavailableError } from '../../../src/errors.ts'
import { serializeError } from '../../../src/log.ts'
import errorHandlerPlugin from '../../../src/plugins/http/error-handler.ts'
import { captureLog } from '../../support/app.ts'

const SECRET = 'row-content-4711'
const FAILURE_KINDS = Object.keys(DATABASE_FAILURES) as FailureKind[]

async function build(t: Test, error: unknown) {
  const { logs, stream } = captureLog('postgresql://me:s3cr3t-word@host/db')
  const app = fastify({ logger: { stream, serializers: { err: serializeError } } })
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  app.get('/', async () => {
    throw error
  })
  const response = await app.inject('/')
  const errors = logs.filter(({ level }) => Number(level) >= 50)
  const warnings = logs.filter(({ level }) => level === 40)
  return { response, errors, warnings }
}

t.test('error handler', async t => {
  t.test('answers an unknown error with a fixed text, and logs it', async t => {
    const { response, errors } = await build(t, new Error(SECRET))

    t.equal(response.statusCode, 500)
    t.match(response.headers['content-type'], 'application/problem+json')
    t.strictSame(response.json(), {
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      code: 'APP_INTERNAL',
      detail: 'the request could not be completed'
    })
    t.match(errors, [{ msg: 'request failed', err: { type: 'Error' } }])
  })

  t.test('shows and logs no statement, parameter or row of a database error', async t => {
    const cause = Object.assign(new DatabaseError(SECRET, 1, 'error'), {
      code: '42P01',
      detail: SECRET,
      severity: 'ERROR'
    })
    const error = new DrizzleQueryError(`select '${SECRET}'`, [`${SECRET}\n    at ${SECRET}`], cause)

    const { response, errors } = await build(t, error)

    t.match(response.json(), { status: 500, code: 'FST_NEON_STATEMENT_FAILED' })
    t.match(errors, [
      { err: { type: 'DatabaseFailure', code: 'FST_NEON_STATEMENT_FAILED', sqlState: '42P01', stack: /at / } }
    ])
    t.notOk(JSON.stringify([response.json(), errors]).includes(SECRET))
  })

  t.test('asks to come back when the database is not there', async t => {
    const { response, errors, warnings } = await build(t, new DatabaseFailure('unreachable'))

    t.equal(response.statusCode, 503)
    t.match(response.headers['retry-after'], /^[123]$/)
    t.match(response.json(), { code: 'FST_NEON_UNREACHABLE', title: 'Service Unavailable' })
    t.match(warnings, [
      { msg: 'requests refused', code: 'FST_NEON_UNREACHABLE', kind: 'unreachable', count: 1, err: undefined }
    ])
    t.strictSame(errors, [])
  })

  t.test('logs each COMMIT of unknown outcome, since somebody has to look after it', async t => {
    const { response, errors } = await build(t, new DatabaseFailure('commitOutcomeUnknown'))

    t.equal(response.statusCode, 503)
    t.match(errors, [{ err: { code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN' }, req: { method: 'GET' } }])
  })

  t.test('asks to come back exactly where nothing was done and a repetition may help', async t => {
    const repeated = ['unreachable', 'waking', 'tooManyConnections', 'exhausted', 'contention']
    for (const kind of FAILURE_KINDS) {
      const { response } = await build(t, new DatabaseFailure(kind))
      t.equal(response.statusCode, DATABASE_FAILURES[kind].statusCode, kind)
      t.match(`${response.headers['retry-after']}`, repeated.includes(kind) ? /^[123]$/ : 'undefined', kind)
    }
    t.match((await build(t, new KeysUnavailableError())).response.headers['retry-after'], /^[123]$/)
  })

  t.test('does not log what the caller did wrong', async t => {
    const conflict = Object.assign(new DatabaseError(SECRET, 1, 'error'), {
      code: '23505',
      severity: 'ERROR'
    })

    const { response, errors } = await build(t, new DrizzleQueryError('', [], conflict))

    t.equal(response.statusCode, 409)
    t.strictSame(errors, [])
  })

  t.test('passes on the code and text of a 4xx of Fastify, and of nobody else', async t => {
    const ofFastify = createError('FST_ERR_SOMETHING', 'say please', 400)
    const ofFastifyInside = createError('FST_ERR_INSIDE', SECRET, 500)
    const ofFastifyOdd = createError('FST_ERR_ODD', 'odd', 499)
    const ofALibrary = createError('LIB_ERR', SECRET, 400)

    t.match((await build(t, new ofFastify())).response.json(), {
      status: 400,
      code: 'FST_ERR_SOMETHING',
      detail: 'say please'
    })
    t.match((await build(t, new ofFastifyOdd())).response.json(), { status: 499, title: 'Error' })
    t.match((await build(t, new ofFastifyInside())).response.json(), { status: 500, code: 'APP_INTERNAL' })
    t.match((await build(t, new ofALibrary())).response.json(), { status: 500, code: 'APP_INTERNAL' })
    t.match((await build(t, Object.assign(new Error('x'), { code: 7, statusCode: 400 }))).response.json(), {
      code: 'APP_INTERNAL'
    })
  })

  t.test('answers an error that cannot even be read', async t => {
    const hostile = Object.defineProperty(new Error(SECRET), 'stack', {
      get() {
        throw new Error(SECRET)
      }
    })

    const { response, errors } = await build(t, hostile)

    t.match(response.json(), { status: 500, code: 'APP_INTERNAL' })
    t.match(errors, [{ err: { type: 'unreadable' } }])
  })

  t.test('takes whatever is thrown', async t => {
    const { response, errors } = await build(t, 'a text')

    t.equal(response.statusCode, 500)
    t.match(errors, [{ err: { type: 'string', message: 'not an Error was thrown' } }])
  })
})
