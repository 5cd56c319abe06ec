/**
 * Every error code of the package, with the status it has when it reaches HTTP.
 * docs/reference/errors.md says for each what it means and what to do; a test compares the two.
 */
import { createError } from '@fastify/error'

export const AlreadyRegisteredError = createError(
  'FST_NEON_ALREADY_REGISTERED',
  "a database is already registered as fastify.%s: give another one a name of its own, such as name: 'analytics' for fastify.analytics",
  500
)
export const UrlInvalidError = createError('FST_NEON_URL_INVALID', '%s', 500)
export const OptionInvalidError = createError('FST_NEON_OPTION_INVALID', '%s', 500)
export const MigrationsInvalidError = createError('FST_NEON_MIGRATIONS_INVALID', '%s', 500)
export const MigrationsMixedError = createError('FST_NEON_MIGRATIONS_MIXED', '%s', 500)
export const MigrationsRefusedError = createError('FST_NEON_MIGRATIONS_REFUSED', '%s', 500)
export const MigrationFailedError = createError('FST_NEON_MIGRATION_FAILED', '%s', 500)
export const MigrationsLockedError = createError(
  'FST_NEON_MIGRATIONS_LOCKED',
  'another run of the migrations did not end within %s ms',
  500
)
export const PooledHostError = createError(
  'FST_NEON_POOLED_HOST',
  'migrations need the direct host, because their lock does not hold behind the pooler: %s',
  500
)
export const TransactionRolledBackError = createError(
  'FST_NEON_ROLLED_BACK',
  'the transaction was rolled back by the database, because a statement in it failed and its error was not passed on',
  500
)

export const CheckExistsError = createError(
  'FST_NEON_CHECK_EXISTS',
  'a health check of this name is already registered: %s',
  500
)
export const MigrationsBehindError = createError(
  'FST_NEON_MIGRATIONS_BEHIND',
  'the database lacks migrations that it had: it was reset, or restored to an earlier point',
  503
)
export const NotIsolatedError = createError(
  'FST_NEON_NOT_ISOLATED',
  'the database does not keep the rows of users apart: %s',
  500
)

/**
 * What may be run again after a failure without the risk that it happens twice.
 * `anything`: it is certain that nothing was done. `transaction`: a transaction as a whole,
 * which was rolled back, and not a statement on its own. `nothing`: neither, or it would not help.
 */
export type Repeatable = 'anything' | 'transaction' | 'nothing'

export interface FailureDefinition {
  code: `FST_NEON_${string}`
  /** Fixed text: never a URL, a parameter, a row or the server's own words. */
  message: string
  statusCode: number
  repeatable: Repeatable
}

/** What can go wrong between `fastify.db` and the database; `neon/failure.ts` sorts errors into these. */
export const DATABASE_FAILURES = {
  /** No connection could be made; a later try may succeed. */
  unreachable: {
    code: 'FST_NEON_UNREACHABLE',
    message: 'the database cannot be reached',
    statusCode: 503,
    repeatable: 'anything'
  },
  /** The compute or the server is on its way up. */
  waking: {
    code: 'FST_NEON_WAKING',
    message: 'the database is starting',
    statusCode: 503,
    repeatable: 'anything'
  },
  /** The server has as many sessions as it takes. */
  tooManyConnections: {
    code: 'FST_NEON_TOO_MANY_CONNECTIONS',
    message: 'the database takes no more connections',
    statusCode: 503,
    repeatable: 'anything'
  },
  /** No client of the pool became free in time, or too many already wait for one. */
  exhausted: {
    code: 'FST_NEON_EXHAUSTED',
    message: 'no database connection became free in time',
    statusCode: 503,
    repeatable: 'anything'
  },
  /** The login was refused for a reason that trying again does not change. */
  refused: {
    code: 'FST_NEON_REFUSED',
    message: 'the database refuses the login',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** No connection could be made, for a reason that is not known, so that a retry may never help. */
  connectFailed: {
    code: 'FST_NEON_CONNECT_FAILED',
    message: 'no connection to the database could be made',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** The caller's AbortSignal, before anything was committed. */
  aborted: {
    code: 'FST_NEON_ABORTED',
    message: 'the work on the database was given up by its caller',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** The pool has ended. */
  closed: {
    code: 'FST_NEON_CLOSED',
    message: 'the database pool has ended',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** The connection broke while a statement ran; whether it took effect is not known, unless it was in a transaction. */
  lost: {
    code: 'FST_NEON_CONNECTION_LOST',
    message: 'the connection to the database was lost during a statement',
    statusCode: 503,
    repeatable: 'transaction'
  },
  /** No answer within the statement deadline. */
  timeout: {
    code: 'FST_NEON_STATEMENT_TIMEOUT',
    message: 'the database did not answer a statement in time',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** A transaction did not reach its COMMIT within its time, and was rolled back. */
  transactionTimeout: {
    code: 'FST_NEON_TRANSACTION_TIMEOUT',
    message: 'the transaction did not come to its end in time, and was rolled back',
    statusCode: 503,
    repeatable: 'transaction'
  },
  /** Disk, memory or sessions of the server are used up; hammering makes it worse. */
  outOfResources: {
    code: 'FST_NEON_OUT_OF_RESOURCES',
    message: 'the database is out of resources',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** A statement was sent on a transaction while another one, nested in it, was open. */
  nestedTransactionOpen: {
    code: 'FST_NEON_NESTED_TRANSACTION_OPEN',
    message: 'a statement came on a transaction while one nested in it was open',
    statusCode: 500,
    repeatable: 'nothing'
  },
  /** A statement was sent on a transaction that has ended: somebody did not wait for it. */
  transactionOver: {
    code: 'FST_NEON_TRANSACTION_OVER',
    message: 'a statement came after the end of its transaction',
    statusCode: 500,
    repeatable: 'nothing'
  },
  /** The connection broke after COMMIT was sent. */
  commitOutcomeUnknown: {
    code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN',
    message:
      'the connection to the database was lost during COMMIT, so it is not known whether it took effect',
    statusCode: 503,
    repeatable: 'nothing'
  },
  /** Serialization failure, deadlock or lock timeout: the transaction was rolled back. */
  contention: {
    code: 'FST_NEON_CONTENTION',
    message: 'the transaction was rolled back because it conflicted with a concurrent transaction',
    statusCode: 409,
    repeatable: 'anything'
  },
  /** A unique, foreign-key or exclusion constraint. */
  conflict: {
    code: 'FST_NEON_CONFLICT',
    message: 'the change conflicts with what is stored',
    statusCode: 409,
    repeatable: 'nothing'
  },
  /** A value the database does not take; a request schema should have caught it. */
  invalid: {
    code: 'FST_NEON_INVALID_VALUE',
    message: 'a value is not one that the database accepts',
    statusCode: 400,
    repeatable: 'nothing'
  },
  /** A statement that writes, where only reads are allowed. */
  readOnly: {
    code: 'FST_NEON_READ_ONLY',
    message:
      'a statement writes where only reads are allowed: on a read replica, by $replica, or in a READ ONLY transaction',
    statusCode: 500,
    repeatable: 'nothing'
  },
  /** Any other error that the server answered to a statement. */
  statement: {
    code: 'FST_NEON_STATEMENT_FAILED',
    message: 'the database could not execute a statement',
    statusCode: 500,
    repeatable: 'nothing'
  }
} as const satisfies Record<string, FailureDefinition>

export type FailureKind = keyof typeof DATABASE_FAILURES
