import { inspect } from 'node:util'
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import t from 'tap'
import type { FailureKind } from '../../src/errors/errors.ts'
import {
  DatabaseFailure,
  describeFailure,
  type FailurePhase,
  findFailure,
  isServerResponse,
  toFailure
} from '../../src/errors/failure.ts'
import { errorEvent, serverError, systemError } from '../support/thrown-errors.ts'

const SECRET = 'row-content-4711'
/** What a console makes of an error, and JSON. */
function printed(error: Error) {
  return [inspect(error, { depth: 9 }), JSON.stringify(error)].join('\n')
}

const ROWS: { title: string; error: unknown; phase: FailurePhase; kind: FailureKind }[] = [
  {
    title: 'a refused TCP connection',
    error: errorEvent(systemError('ECONNREFUSED')),
    phase: 'connect',
    kind: 'unreachable'
  },
  {
    title: 'an upgrade answered 503',
    error: errorEvent(new Error('Unexpected server response: 503')),
    phase: 'connect',
    kind: 'unreachable'
  },
  {
    title: 'an upgrade answered 404',
    error: errorEvent(new Error('Unexpected server response: 404')),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'an untrusted certificate',
    error: errorEvent(systemError('SELF_SIGNED_CERT_IN_CHAIN')),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'a setting the driver does not take',
    error: new TypeError('Invalid URL'),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'a timeout of the pool',
    error: new Error('Connection terminated due to connection timeout', {
      cause: errorEvent(systemError('ECONNRESET'))
    }),
    phase: 'connect',
    kind: 'unreachable'
  },
  { title: 'something unknown while connecting', error: 'text', phase: 'connect', kind: 'connectFailed' },
  {
    title: 'a wrong password, as Postgres says it',
    error: serverError('28P01'),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'a wrong password, as Neon says it',
    error: serverError('XX000', "password authentication failed for user 'x'"),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'a compute that wakes',
    error: serverError('XX000', "Couldn't connect to compute node"),
    phase: 'connect',
    kind: 'waking'
  },
  {
    title: 'a quota that is used up',
    error: serverError('XX000', 'Your account or project has exceeded the compute time quota.'),
    phase: 'connect',
    kind: 'refused'
  },
  {
    title: 'a parameter that the pooler does not take',
    error: serverError('08P01', 'unsupported startup parameter: options'),
    phase: 'connect',
    kind: 'refused'
  },
  { title: 'a missing database', error: serverError('3D000'), phase: 'connect', kind: 'refused' },
  { title: 'too many sessions', error: serverError('53300'), phase: 'connect', kind: 'tooManyConnections' },
  {
    title: 'a server error without a code',
    error: new DatabaseError('x', 1, 'error'),
    phase: 'connect',
    kind: 'unreachable'
  },
  {
    title: 'a link lost at BEGIN',
    error: new Error('Connection terminated unexpectedly'),
    phase: 'begin',
    kind: 'unreachable'
  },
  {
    title: 'a server that shuts down at BEGIN',
    error: serverError('57P01', 'x', 'FATAL'),
    phase: 'begin',
    kind: 'unreachable'
  },
  {
    title: 'a pooler that cannot log in, which it says at BEGIN',
    error: serverError('08P01', 'no such database: x', 'FATAL'),
    phase: 'begin',
    kind: 'refused'
  },
  {
    title: 'a link lost at COMMIT',
    error: new Error('Connection terminated unexpectedly'),
    phase: 'commit',
    kind: 'commitOutcomeUnknown'
  },
  {
    title: 'a session that ends at COMMIT',
    error: serverError('57P01', 'x', 'FATAL'),
    phase: 'commit',
    kind: 'commitOutcomeUnknown'
  },
  {
    title: 'no answer to COMMIT',
    error: new Error('Query read timeout'),
    phase: 'commit',
    kind: 'commitOutcomeUnknown'
  },
  {
    title: 'a resolution that the server itself does not know',
    error: serverError('08007'),
    phase: 'commit',
    kind: 'commitOutcomeUnknown'
  },
  {
    title: 'a deferred constraint at COMMIT',
    error: serverError('23505'),
    phase: 'commit',
    kind: 'conflict'
  },
  {
    title: 'a serialization failure at COMMIT',
    error: serverError('40001'),
    phase: 'commit',
    kind: 'contention'
  },
  {
    title: 'a session that ends with an error of a row',
    error: serverError('23505', 'x', 'FATAL'),
    phase: 'statement',
    kind: 'lost'
  },
  { title: 'a full disk', error: serverError('53100'), phase: 'statement', kind: 'outOfResources' },
  {
    title: 'a link lost in a statement',
    error: new Error('Connection terminated unexpectedly'),
    phase: 'statement',
    kind: 'lost'
  },
  { title: 'a reset in a statement', error: systemError('ECONNRESET'), phase: 'statement', kind: 'lost' },
  {
    title: 'a server that shuts down',
    error: serverError('57P01', 'x', 'FATAL'),
    phase: 'statement',
    kind: 'lost'
  },
  {
    title: 'a statement without an answer',
    error: new Error('Query read timeout'),
    phase: 'statement',
    kind: 'timeout'
  },
  {
    title: 'a statement that was cancelled',
    error: serverError('57014'),
    phase: 'statement',
    kind: 'timeout'
  },
  { title: 'a serialization failure', error: serverError('40001'), phase: 'statement', kind: 'contention' },
  { title: 'a deadlock', error: serverError('40P01'), phase: 'statement', kind: 'contention' },
  { title: 'a unique violation', error: serverError('23505'), phase: 'statement', kind: 'conflict' },
  { title: 'a check violation', error: serverError('23514'), phase: 'statement', kind: 'invalid' },
  { title: 'a NUL in a text', error: serverError('22021'), phase: 'statement', kind: 'invalid' },
  { title: 'a missing table', error: serverError('42P01'), phase: 'statement', kind: 'statement' },
  {
    title: 'a server error without a code',
    error: new DatabaseError('x', 1, 'error'),
    phase: 'statement',
    kind: 'lost'
  },
  { title: 'something unknown in a statement', error: undefined, phase: 'statement', kind: 'statement' }
]

t.test('a failure', async t => {
  for (const { title, error, phase, kind } of ROWS) {
    t.test(`for ${title} (${phase}) is ${kind}`, async t => {
      t.equal(toFailure(error, phase).kind, kind)
    })
  }

  t.test('is found behind the error of Drizzle', async t => {
    const error = new DrizzleQueryError(
      'insert …',
      ['secret'],
      serverError('23505', 'Key (title)=(secret) exists')
    )

    const failure = findFailure(error)

    t.match(failure, { kind: 'conflict', code: 'FST_NEON_CONFLICT', statusCode: 409, sqlState: '23505' })
    t.notMatch(JSON.stringify(failure) + failure?.message, /secret/)
  })

  t.test('is itself when it already is one', async t => {
    const failure = new DatabaseFailure('exhausted')

    t.equal(toFailure(failure, 'statement'), failure)
    t.equal(findFailure(failure), failure)
  })

  t.test('is found for what the driver throws, and for nothing else', async t => {
    t.equal(findFailure(errorEvent(systemError('ECONNRESET')))?.kind, 'lost')
    t.equal(findFailure(new Error('Connection terminated'))?.kind, 'lost')
    t.equal(findFailure(new Error('Query read timeout'))?.kind, 'timeout')
    t.equal(findFailure(systemError('ECONNREFUSED')), undefined, 'of a fetch in a handler, say')
    t.equal(findFailure(new Error('business')), undefined)
    t.equal(findFailure(undefined), undefined)
  })

  t.test('is described by codes alone', async t => {
    const refused = toFailure(errorEvent(systemError('ECONNREFUSED')), 'connect')
    const conflict = toFailure(serverError('23505', 'Key (title)=(secret)'), 'statement')

    t.strictSame(describeFailure(refused), {
      code: 'FST_NEON_UNREACHABLE',
      kind: 'unreachable',
      causeCode: 'ECONNREFUSED'
    })
    t.strictSame(describeFailure(conflict), {
      code: 'FST_NEON_CONFLICT',
      kind: 'conflict',
      sqlState: '23505'
    })
    t.strictSame(describeFailure(new DatabaseFailure('closed')), { code: 'FST_NEON_CLOSED', kind: 'closed' })
    t.strictSame(
      describeFailure(toFailure(serverError('XX000', 'password authentication failed'), 'connect')),
      {
        code: 'FST_NEON_REFUSED',
        kind: 'refused',
        sqlState: 'XX000',
        reason: 'password'
      }
    )
  })

  t.test(
    'has a cause that can be printed: codes and names of the schema, and the original beside it',
    async t => {
      const answer = Object.assign(serverError('23505', `Key (title)=(${SECRET})`), {
        detail: SECRET,
        where: SECRET,
        internalQuery: SECRET,
        constraint: 'tasks_title_key'
      })
      const thrown = new DrizzleQueryError(`insert '${SECRET}'`, [SECRET], answer)

      const failure = toFailure(thrown, 'statement')

      t.match(failure.cause, {
        name: 'error',
        code: '23505',
        severity: 'ERROR',
        constraint: 'tasks_title_key'
      })
      t.type(failure.cause, DatabaseError)
      t.equal(failure.original, thrown)
      t.notOk(printed(failure).includes(SECRET))
    }
  )

  t.test('has no cause where there was no error, and no words that may quote a value', async t => {
    t.equal(toFailure('text', 'statement').cause, undefined)
    t.equal(new DatabaseFailure('closed').cause, undefined)
    t.notOk(printed(toFailure(new SyntaxError(SECRET), 'statement')).includes(SECRET))
    t.match(toFailure(new DrizzleQueryError(SECRET, [], new RangeError(SECRET)), 'statement').cause, {
      name: 'RangeError',
      message: ''
    })
    t.equal(toFailure(new DrizzleQueryError(SECRET, []), 'statement').cause, undefined)
  })

  t.test('is the one that Drizzle wrapped', async t => {
    const failure = new DatabaseFailure('exhausted')

    t.equal(toFailure(new DrizzleQueryError('', [], failure), 'statement'), failure)
  })

  t.test('is made of an error that cannot even be read', async t => {
    const hostile = Object.defineProperty(new Error(), 'cause', {
      get() {
        throw new Error(SECRET)
      }
    })

    t.equal(toFailure(hostile, 'connect').kind, 'connectFailed')
    t.equal(toFailure(hostile, 'commit').kind, 'commitOutcomeUnknown')
  })

  t.test('is made of a circle of causes', async t => {
    const circle = new Error('circle')
    circle.cause = circle

    t.equal(toFailure(circle, 'statement').kind, 'statement')
    t.equal(toFailure(circle, 'connect').kind, 'connectFailed')
  })
})

t.test('an answer of the server', async t => {
  t.test('leaves the connection usable when it is an ERROR of a statement', async t => {
    t.ok(isServerResponse(serverError('23505')))
    t.ok(isServerResponse(new DrizzleQueryError('', [], serverError('57014'))))
  })

  t.test('does not, when the session ends or its state is in doubt', async t => {
    t.notOk(isServerResponse(serverError('57P01', 'x', 'FATAL')))
    t.notOk(isServerResponse(serverError('08P01')))
    t.notOk(isServerResponse(serverError('XX000')))
    t.notOk(isServerResponse(new DatabaseError('x', 1, 'error')))
    t.ok(isServerResponse(Object.assign(new DatabaseError('x', 1, 'error'), { severity: 'ERROR' })))
    t.notOk(isServerResponse(new Error('Query read timeout')))
    t.notOk(isServerResponse(new DrizzleQueryError('', [])))
  })
})
