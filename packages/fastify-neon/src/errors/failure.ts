/**
 * Turns whatever the driver, Drizzle or a socket throws into one shape with a
 * code, a kind and a fixed text; unknown never means that a retry is safe.
 */
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { chainOf, codeOf, isErrorEvent, printableCause, serverErrorIn, systemCode } from './driver-error.ts'
import { DATABASE_FAILURES, type FailureKind, type Repeatable } from './errors.ts'
import {
  CAUSE_BY_DRIVER_MESSAGE,
  CAUSE_BY_MESSAGE,
  CAUSE_BY_SQLSTATE,
  CAUSE_BY_SYSTEM_CODE,
  type FailureCause,
  type FailurePhase,
  KIND_BY_CAUSE,
  SPOKEN_SQLSTATES
} from './failure-table.ts'
import { isOfValue } from './value-error.ts'

export type { FailurePhase } from './failure-table.ts'

export interface FailureDetails {
  /** What the driver threw. */
  cause?: unknown
  sqlState?: string | undefined
  reason?: string | undefined
}

/** Every error of the database layer. Nothing that a logger prints of it comes from a URL, a parameter or a row. */
export class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure'
  readonly code: string
  readonly kind: FailureKind
  /** What may run again without being done twice. */
  readonly repeatable: Repeatable
  /** SQLSTATE, when the server sent one. */
  readonly sqlState: string | undefined
  /** Why a login failed, or why a statement was not sent: one of a few fixed words. */
  readonly reason: string | undefined
  /** The status that the error has when it reaches HTTP. */
  readonly statusCode: number
  readonly #original: unknown

  constructor(kind: FailureKind, { cause: original, sqlState, reason }: FailureDetails = {}) {
    const { code, message, repeatable, statusCode } = DATABASE_FAILURES[kind]
    const cause = printableCause(original)
    super(message, cause && { cause })
    this.code = code
    this.kind = kind
    this.repeatable = repeatable
    this.sqlState = sqlState
    this.reason = reason
    this.statusCode = statusCode
    this.#original = original
  }

  /** True when nothing was done, so that any work may run again. */
  get retryable(): boolean {
    return this.repeatable === 'anything'
  }

  /** The driver's error, with statement, parameters and rows. Do not log it. */
  get original(): unknown {
    return this.#original
  }
}

/** The failure for an error that came in this phase. Total: takes whatever was thrown. */
export function toFailure(error: unknown, phase: FailurePhase): DatabaseFailure {
  try {
    const known = [...chainOf(error)].find(each => each instanceof DatabaseFailure)
    if (known) return known
    const { cause, reason } = diagnose(error, phase)
    const sqlState = serverErrorIn(error)?.code
    return new DatabaseFailure(KIND_BY_CAUSE[cause][phase], { cause: error, sqlState, reason })
  } catch {
    // An error whose own properties throw.
    return new DatabaseFailure(KIND_BY_CAUSE.unknown[phase])
  }
}

/** The failure that an error from anywhere stands for, or undefined when it does not come from the database layer. */
export function findFailure(error: unknown): DatabaseFailure | undefined {
  const isOurs =
    error instanceof DatabaseFailure ||
    error instanceof DrizzleQueryError ||
    error instanceof DatabaseError ||
    isErrorEvent(error) ||
    (error instanceof Error && ruleFor(error.message, CAUSE_BY_DRIVER_MESSAGE) !== undefined)
  return isOurs ? toFailure(error, 'statement') : undefined
}

/** True when the server itself answered with an error that leaves the connection usable. */
export function isServerResponse(error: unknown): boolean {
  if (error instanceof DrizzleQueryError) return isServerResponse(error.cause)
  if (!(error instanceof DatabaseError)) return false
  return error.severity === 'ERROR' && !CONNECTION_IS_GONE.test(error.code ?? '')
}

// Classes after which a connection is not to be trusted: connection exceptions,
// insufficient resources, operator intervention that ends sessions, system and
// internal errors. Source: npgsql's list of connection-critical codes.
const CONNECTION_IS_GONE = /^(?:08|53|57P|58|F0|XX|25P0[34])/

interface Diagnosis {
  cause: FailureCause
  reason?: string | undefined
}

function diagnose(error: unknown, phase: FailurePhase): Diagnosis {
  const answer = serverErrorIn(error)
  if (answer) return diagnoseResponse(answer, phase)
  const errors = [...chainOf(error)]
  // Nothing was sent.
  if (errors.some(isOfValue)) return { cause: 'answer', reason: 'value' }
  const found = errors.map(diagnoseConnection).filter(diagnosis => diagnosis !== undefined)
  // A certificate that does not verify is refused, whatever broke in consequence.
  return found.find(({ cause }) => cause === 'refused') ?? found[0] ?? { cause: 'unknown' }
}

function diagnoseResponse(answer: DatabaseError, phase: FailurePhase): Diagnosis {
  const diagnosis = diagnoseCode(answer)
  // COMMIT is answered with an ERROR or it is not answered: a session that ends says nothing about it.
  if (phase === 'commit') return answer.severity === 'ERROR' ? diagnosis : { cause: 'connection' }
  const endsSession = answer.severity === 'FATAL' || answer.severity === 'PANIC'
  const isOfLogin =
    phase === 'connect' || ['refused', 'waking', 'tooManyConnections'].includes(diagnosis.cause)
  return endsSession && !isOfLogin ? { cause: 'connection' } : diagnosis
}

// PostgreSQL, copyfromparse.c: its SQLSTATE is that of a cancel.
const READS_COPY = 'CopyGetData'

function diagnoseCode({ code = '', message, routine }: DatabaseError): Diagnosis {
  // Every answer of a server has a SQLSTATE. What has none is noise that was read as an answer.
  if (code === '') return { cause: 'connection', reason: 'unreadable-answer' }
  if (routine === READS_COPY) return { cause: 'answer', reason: 'copy' }
  const rule = SPOKEN_SQLSTATES.includes(code) ? ruleFor(message, CAUSE_BY_MESSAGE) : undefined
  return rule ?? { cause: CAUSE_BY_SQLSTATE[code] ?? CAUSE_BY_SQLSTATE[code.slice(0, 2)] ?? 'answer' }
}

function diagnoseConnection(error: object): Diagnosis | undefined {
  const code = codeOf(error)
  const byCode = code === undefined ? undefined : ruleFor(code, CAUSE_BY_SYSTEM_CODE)
  if (byCode) return byCode
  if (isErrorEvent(error)) return { cause: 'connection' }
  // A TypeError is the driver's or our own answer to a setting that cannot work.
  if (error instanceof TypeError) return { cause: 'refused', reason: 'setting' }
  return error instanceof Error ? ruleFor(error.message, CAUSE_BY_DRIVER_MESSAGE) : undefined
}

function ruleFor<R extends { pattern: RegExp }>(text: string, rules: readonly R[]): R | undefined {
  return rules.find(({ pattern }) => pattern.test(text))
}

/** Facts about a failure that are safe in a log: codes and names of the schema; no text of the server, no parameter, no address with a password. */
export function describeFailure(failure: DatabaseFailure): Record<string, string> {
  const { code, kind, sqlState, reason, cause } = failure
  const facts: Record<string, string> = { code, kind }
  if (sqlState !== undefined) facts.sqlState = sqlState
  if (reason !== undefined) facts.reason = reason
  const causeCode = systemCode(cause)
  if (causeCode !== undefined && causeCode !== sqlState) facts.causeCode = causeCode
  return { ...facts, ...fieldsOf(cause, ['table', 'column', 'constraint']) }
}

/**
 * What the server said of a failure, for development alone: its message and its hint may quote a value. The detail is
 * left out, which quotes rows. Undefined where no server has answered.
 */
export function describeServerError({ original }: DatabaseFailure): Record<string, string> | undefined {
  const answer = serverErrorIn(original)
  return answer && fieldsOf(answer, ['message', 'hint', 'table', 'column', 'constraint', 'position'])
}

function fieldsOf(answer: unknown, names: (keyof DatabaseError)[]): Record<string, string> {
  if (!(answer instanceof DatabaseError)) return {}
  return Object.fromEntries(
    names.flatMap(name => (answer[name] === undefined ? [] : [[name, String(answer[name])]]))
  )
}
