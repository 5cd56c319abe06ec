import { inspect } from 'node:util'
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import fc from 'fast-check'
import t from 'tap'
import { DATABASE_FAILURES, type FailureKind } from '../../src/errors.ts'
import {
  DatabaseFailure,
  describeFailure,
  type FailurePhase,
  findFailure,
  isAnswerOfServer,
  toFailure
} from '../../src/neon/failure.ts'
import {
  CAUSE_BY_DRIVER_MESSAGE,
  CAUSE_BY_MESSAGE,
  CAUSE_BY_SQLSTATE,
  CAUSE_BY_SYSTEM_CODE,
  type FailureCause,
  KIND_BY_CAUSE
} from '../../src/neon/failure-table.ts'

function serverError(code: string, message = 'server text', severity = 'ERROR') {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}

function systemError(code: string) {
  return Object.assign(new Error(`connect ${code}`), { code })
}

/** As the driver passes it on: no Error, and the real one inside. */
function errorEvent(error: Error) {
  return { type: 'error', target: {}, error, message: error.message }
}

const SECRET = 'row-content-4711'
const PHASES = ['connect', 'begin', 'statement', 'commit'] as const
const RANKS = ['nothing', 'transaction', 'anything']

/** What a console makes of an error, and JSON. */
function printed(error: Error) {
  return [inspect(error, { depth: 9 }), JSON.stringify(error)].join('\n')
}

interface Spoken {
  title: string
  reason: string
  cause: FailureCause
  error: unknown
}

const spoken = (reason: string, cause: FailureCause, text: string): Spoken[] => [
  { title: `${text} (XX000)`, reason, cause, error: serverError('XX000', text) },
  { title: `${text} (08P01)`, reason, cause, error: serverError('08P01', text) }
]
const driver = (reason: string, cause: FailureCause, text: string): Spoken => ({
  title: text,
  reason,
  cause,
  error: new Error(text)
})

/** Word for word as Neon's proxy, PgBouncer, Postgres, the driver and ws say it. */
const SPOKEN: Spoken[] = [
  ...spoken('password', 'refused', "password authentication failed for user 'x'"),
  ...spoken('password', 'refused', 'malformed password message'),
  ...spoken('endpoint-not-found', 'refused', 'Control plane request failed: endpoint cannot be found'),
  ...spoken('endpoint-disabled', 'refused', 'Control plane request failed: endpoint is disabled'),
  ...spoken('endpoint-not-named', 'refused', 'Endpoint ID is not specified.'),
  ...spoken('endpoint-not-named', 'refused', 'Inconsistent project name inferred from SNI and options'),
  ...spoken(
    'quota',
    'refused',
    'Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support'
  ),
  ...spoken('quota', 'refused', 'Your account or project has exceeded the compute time quota.'),
  ...spoken('quota', 'refused', 'You have exceeded the limit of concurrently active endpoints.'),
  ...spoken(
    'address-not-allowed',
    'refused',
    'This IP address 192.0.2.1 is not allowed to connect to this endpoint.'
  ),
  ...spoken('address-not-allowed', 'refused', 'blocked network'),
  ...spoken('role-protected', 'refused', 'role x is protected'),
  ...spoken('startup-parameter', 'refused', 'unsupported startup parameter: options'),
  ...spoken('authentication-method', 'refused', 'unsupported authentication method'),
  ...spoken('no-such-database-or-role', 'refused', 'database "x" does not exist'),
  ...spoken('no-such-database-or-role', 'refused', 'no such database: x'),
  ...spoken('not-permitted', 'refused', 'permission denied for database "x"'),
  ...spoken('not-permitted', 'refused', 'role "x" is not permitted to log in'),
  ...spoken('too-many-sessions', 'crowded', 'Too many connections attempts'),
  ...spoken('too-many-sessions', 'crowded', 'Too many connections to this endpoint. Please try again later.'),
  ...spoken('too-many-sessions', 'crowded', 'Failed to acquire permit to connect to the database.'),
  ...spoken('too-many-sessions', 'crowded', 'sorry, too many clients already'),
  ...spoken('too-many-sessions', 'crowded', 'remaining connection slots are reserved for superusers'),
  ...spoken('too-many-sessions', 'crowded', 'no more connections allowed (max_client_conn)'),
  ...spoken('compute-waking', 'waking', "Couldn't connect to compute node"),
  ...spoken('compute-waking', 'waking', 'the database system is starting up'),
  ...spoken('control-plane', 'waking', 'Control plane request failed'),
  ...spoken('server-gone', 'link', 'server conn crashed?'),
  ...spoken('server-gone', 'link', 'terminating connection due to administrator command'),
  driver('no-answer', 'silence', 'Query read timeout'),
  driver('no-answer', 'silence', 'timeout exceeded when trying to connect'),
  driver('connection-ended', 'link', 'Connection terminated unexpectedly'),
  driver('connection-ended', 'link', 'Client has encountered a connection error and is not queryable'),
  driver('upgrade-refused', 'refused', 'Unexpected server response: 404'),
  driver('upgrade-failed', 'link', 'Unexpected server response: 503')
]

const SYSTEM_CODES: [string, FailureCause][] = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH'].map(
    (code): [string, FailureCause] => [code, 'link']
  ),
  ['ENETUNREACH', 'link'],
  ['UND_ERR_SOCKET', 'link'],
  ['WS_ERR_INVALID_OPCODE', 'link'],
  ...[
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_TLS_CERT_ALTNAME_INVALID'
  ].map((code): [string, FailureCause] => [code, 'refused'])
]

const phase = fc.constantFrom(...PHASES)
const anyCode = fc.oneof(
  fc.constantFrom(...Object.keys(CAUSE_BY_SQLSTATE), 'XX000', undefined),
  fc.string({ minLength: 5, maxLength: 5 })
)
const databaseError = fc
  .record({
    code: anyCode,
    message: fc.constantFrom('x', ...SPOKEN.map(({ title }) => title)),
    severity: fc.constantFrom('ERROR', 'FATAL', 'PANIC', undefined)
  })
  .map(({ code, message, severity }) =>
    Object.assign(new DatabaseError(message, 1, 'error'), { code, severity })
  )
const plainError = fc.oneof(
  fc.constantFrom(...SYSTEM_CODES.map(([code]) => systemError(code))),
  fc.constantFrom(...SPOKEN.map(({ title }) => new Error(title))),
  fc.constant(new TypeError('Invalid URL')),
  databaseError
)
/** What may come out of a catch: errors, errors in errors, events, and anything else. */
const thrown = fc.oneof(
  plainError,
  plainError.map(errorEvent),
  fc.tuple(plainError, plainError).map(([error, cause]) => Object.assign(error, { cause })),
  plainError.map(error => new DrizzleQueryError('', [], error)),
  fc.anything({ withNullPrototype: true, withDate: true })
)

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
  { title: 'too many sessions', error: serverError('53300'), phase: 'connect', kind: 'crowded' },
  {
    title: 'a server error without a code',
    error: new DatabaseError('x', 1, 'error'),
    phase: 'connect',
    kind: 'connectFailed'
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
    kind: 'statement'
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

t.test('the table of failures', async t => {
  t.test('answers for every SQLSTATE, message and code in it, in every phase', async t => {
    for (const phase of PHASES) {
      for (const [code, cause] of Object.entries(CAUSE_BY_SQLSTATE))
        t.equal(toFailure(serverError(code), phase).kind, KIND_BY_CAUSE[cause][phase], `${code} at ${phase}`)
      for (const { title, error, cause } of SPOKEN)
        t.equal(toFailure(error, phase).kind, KIND_BY_CAUSE[cause][phase], `${title} at ${phase}`)
      for (const [code, cause] of SYSTEM_CODES)
        t.equal(
          toFailure(errorEvent(systemError(code)), phase).kind,
          KIND_BY_CAUSE[cause][phase],
          `${code} at ${phase}`
        )
    }
  })

  t.test('has no rule without an example, and names each reason once', async t => {
    const rules = [...CAUSE_BY_MESSAGE, ...CAUSE_BY_DRIVER_MESSAGE]
    t.strictSame(
      [...new Set(SPOKEN.map(({ reason }) => reason))].sort(),
      rules.map(({ reason }) => reason).sort()
    )
    for (const { title, reason, error } of SPOKEN) t.equal(toFailure(error, 'connect').reason, reason, title)
    for (const { pattern } of CAUSE_BY_SYSTEM_CODE)
      t.ok(
        SYSTEM_CODES.some(([code]) => pattern.test(code)),
        `${pattern}`
      )
  })

  t.test('never takes what is not known for something to retry', async t => {
    for (const phase of PHASES) {
      for (const unknown of [undefined, 'text', new Error('x'), serverError('ZZ999'), serverError('XX000')])
        t.equal(toFailure(unknown, phase).repeatable, 'nothing', `${phase}`)
      t.equal(DATABASE_FAILURES[KIND_BY_CAUSE.unknown[phase]].repeatable, 'nothing')
    }
  })

  t.test('says of a connect that fails only what may be said when nothing was executed', async t => {
    const kinds = ['refused', 'waking', 'crowded', 'unreachable', 'connectFailed', 'outOfResources']
    for (const cause of Object.values(KIND_BY_CAUSE)) t.ok(kinds.includes(cause.connect), cause.connect)
  })

  t.test('retries a connect for what passes, and never for what does not', async t => {
    for (const code of [
      '08000',
      '08001',
      '08003',
      '08004',
      '08006',
      '53300',
      '53400',
      '57P01',
      '57P02',
      '57P03'
    ])
      t.equal(toFailure(serverError(code, 'x', 'FATAL'), 'connect').retryable, true, code)
    for (const code of ['28P01', '28000', '3D000', '42501', '0A000', '08P01', '57P04'])
      t.equal(toFailure(serverError(code, 'x', 'FATAL'), 'connect').retryable, false, code)
  })
})

t.test('any value whatever', async t => {
  t.test('has a kind, in every phase, and never throws', async () => {
    fc.assert(
      fc.property(thrown, phase, (value, at) => toFailure(value, at).kind in DATABASE_FAILURES),
      { numRuns: 1000 }
    )
  })

  t.test('may be repeated less the further the work had got', async () => {
    const rank = (value: unknown, at: FailurePhase) => RANKS.indexOf(toFailure(value, at).repeatable)
    fc.assert(
      fc.property(
        thrown,
        value =>
          rank(value, 'begin') >= rank(value, 'statement') &&
          rank(value, 'statement') >= rank(value, 'commit')
      ),
      { numRuns: 1000 }
    )
  })

  t.test('has the same kind when Drizzle or the driver has wrapped it', async () => {
    fc.assert(
      fc.property(databaseError, phase, (error, at) => {
        const { kind } = toFailure(error, at)
        return (
          toFailure(new DrizzleQueryError('', [], error), at).kind === kind &&
          toFailure(new Error('timeout exceeded when trying to connect', { cause: error }), at).kind === kind
        )
      })
    )
  })

  t.test('shows none of its words in what is printed of the failure', async () => {
    const secretive = fc.record({
      code: anyCode,
      message: fc.constant(`${SECRET} password authentication failed`)
    })
    fc.assert(
      fc.property(secretive, phase, ({ code, message }, at) => {
        const error = Object.assign(serverError(code ?? '', message), { detail: SECRET, hint: SECRET })
        return !printed(toFailure(new DrizzleQueryError(SECRET, [SECRET], error), at)).includes(SECRET)
      })
    )
  })
})

t.test('an answer of the server', async t => {
  t.test('leaves the connection usable when it is an ERROR of a statement', async t => {
    t.ok(isAnswerOfServer(serverError('23505')))
    t.ok(isAnswerOfServer(new DrizzleQueryError('', [], serverError('57014'))))
  })

  t.test('does not, when the session ends or its state is in doubt', async t => {
    t.notOk(isAnswerOfServer(serverError('57P01', 'x', 'FATAL')))
    t.notOk(isAnswerOfServer(serverError('08P01')))
    t.notOk(isAnswerOfServer(serverError('XX000')))
    t.notOk(isAnswerOfServer(new DatabaseError('x', 1, 'error')))
    t.ok(isAnswerOfServer(Object.assign(new DatabaseError('x', 1, 'error'), { severity: 'ERROR' })))
    t.notOk(isAnswerOfServer(new Error('Query read timeout')))
    t.notOk(isAnswerOfServer(new DrizzleQueryError('', [])))
  })
})
