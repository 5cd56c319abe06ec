import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import fc from 'fast-check'
import t from 'tap'
import { DATABASE_FAILURES } from '../../src/errors/errors.ts'
import { type FailurePhase, toFailure } from '../../src/errors/failure.ts'
import {
  CAUSE_BY_DRIVER_MESSAGE,
  CAUSE_BY_MESSAGE,
  CAUSE_BY_SQLSTATE,
  CAUSE_BY_SYSTEM_CODE,
  KIND_BY_CAUSE
} from '../../src/errors/failure-table.ts'
import { errorEvent, SPOKEN, SYSTEM_CODES, serverError, systemError } from '../support/thrown-errors.ts'

const ERRORS_DOCUMENT = new URL('../../../../docs/reference/errors.md', import.meta.url)
const SECRET = 'row-content-4711'
const PHASES = ['connect', 'begin', 'statement', 'commit'] as const
const RANKS = ['nothing', 'transaction', 'anything']

/** What a console makes of an error, and JSON. */
function printed(error: Error) {
  return inspect(error, { depth: 9 }) + JSON.stringify(error)
}

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

  t.test('has each reason of a server in docs/reference/errors.md, with what to do', async t => {
    const [, table = ''] = readFileSync(ERRORS_DOCUMENT, 'utf8').split('The reasons, and what to do:')
    const documented = [...table.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, reason]) => reason)
    const reasons = [...CAUSE_BY_MESSAGE.map(({ reason }) => reason), 'unreadable-answer', 'setting']

    t.strictSame(documented.slice(0, reasons.length).sort(), reasons.sort())
  })

  t.test('never takes what is not known for something to retry', async t => {
    for (const phase of PHASES) {
      for (const unknown of [undefined, 'text', new Error('x'), serverError('ZZ999'), serverError('XX000')])
        t.equal(toFailure(unknown, phase).repeatable, 'nothing', `${phase}`)
      t.equal(DATABASE_FAILURES[KIND_BY_CAUSE.unknown[phase]].repeatable, 'nothing')
    }
  })

  t.test('says of a connect that fails only what may be said when nothing was executed', async t => {
    const kinds = [
      'refused',
      'waking',
      'tooManyConnections',
      'unreachable',
      'connectFailed',
      'outOfResources'
    ]
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
