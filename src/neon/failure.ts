/**
 * Turns whatever the driver, Drizzle or a socket throws into one shape with a
 * code, a kind and a fixed text; unknown never means that a retry is safe.
 */
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { DATABASE_FAILURES, type FailureKind } from '../errors.ts'

export interface FailureDetails {
  cause?: unknown
  sqlState?: string | undefined
}

/** What a caller gets to see of a database error: nothing in it comes from a URL, a parameter or a row. */
export class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure'
  readonly code: string
  readonly kind: FailureKind
  readonly retryable: boolean
  /** SQLSTATE, when the server sent one. */
  readonly sqlState: string | undefined
  /** The status that the error has when it reaches HTTP. */
  readonly statusCode: number

  constructor(kind: FailureKind, { cause, sqlState }: FailureDetails = {}) {
    const { code, message, retryable, statusCode } = DATABASE_FAILURES[kind]
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.kind = kind
    this.retryable = retryable
    this.sqlState = sqlState
    this.statusCode = statusCode
  }
}

/** `connect`: nothing was executed yet. `statement`: something may have been. */
export type FailurePhase = 'connect' | 'statement'

/** The failure for an error that the driver threw in this phase. */
export function toFailure(error: unknown, phase: FailurePhase): DatabaseFailure {
  if (error instanceof DatabaseFailure) return error
  if (error instanceof DrizzleQueryError) return toFailure(error.cause, phase)
  const sqlState = error instanceof DatabaseError ? error.code : undefined
  const kind = phase === 'connect' ? kindOfConnectError(error) : kindOfStatementError(error)
  return new DatabaseFailure(kind, { cause: error, sqlState })
}

/** The failure that an error from anywhere stands for, or undefined when it does not come from the database layer. */
export function findFailure(error: unknown): DatabaseFailure | undefined {
  const isOurs =
    error instanceof DatabaseFailure ||
    error instanceof DrizzleQueryError ||
    error instanceof DatabaseError ||
    isErrorEvent(error) ||
    hasMessage(error, LINK_MESSAGE) ||
    hasMessage(error, TIMEOUT_MESSAGE)
  return isOurs ? toFailure(error, 'statement') : undefined
}

/** True when the server itself answered with an error that leaves the connection usable. */
export function isAnswerOfServer(error: unknown): boolean {
  if (error instanceof DrizzleQueryError) return isAnswerOfServer(error.cause)
  if (!(error instanceof DatabaseError)) return false
  return error.severity === 'ERROR' && !CONNECTION_IS_GONE.test(error.code ?? '')
}

// Classes after which a connection is not to be trusted: connection exceptions,
// insufficient resources, operator intervention that ends sessions, system and
// internal errors. Source: npgsql's list of connection-critical codes.
const CONNECTION_IS_GONE = /^(?:08|53|57P|58|F0|XX|25P0[34])/

// PostgreSQL, Appendix A. Whole codes first, then classes (the first two letters).
const KIND_BY_SQLSTATE: Record<string, FailureKind> = {
  '40001': 'contention',
  '40P01': 'contention',
  '55P03': 'contention',
  '57014': 'timeout',
  '57P01': 'lost',
  '57P02': 'lost',
  '57P03': 'unreachable',
  '57P05': 'lost',
  '25P03': 'lost',
  '25P04': 'lost',
  '23502': 'invalid',
  '23514': 'invalid',
  '08': 'lost',
  '22': 'invalid',
  '23': 'conflict'
}

// Refusals that a second try does not change: wrong password or user, no such
// database, no permission to connect.
const REFUSED_SQLSTATES = new Set(['28P01', '28000', '3D000', '42501', '0A000'])

// Neon's proxy sends every error of its own as XX000, a wrong password and a
// compute that will not wake alike, so only the text tells them apart.
// Source: neondatabase/neon, proxy/src/stream.rs and control_plane/messages.rs.
const PROXY_SQLSTATE = 'XX000'
const PROXY_REFUSAL =
  /password authentication failed|endpoint (?:id|cannot be found|is disabled)|does not exist|blocked network|is not allowed|quota|exceeded|limit of concurrently active|role .*protected|unsupported|malformed password|inconsistent project name/i

function kindOfConnectError(error: unknown): FailureKind {
  if (error instanceof DatabaseError) return kindOfLoginError(error)
  // A TypeError is the driver's or our own answer to a setting that cannot work.
  const isSetting = error instanceof TypeError || UNTRUSTED_CODE.test(systemCode(error) ?? '')
  const isRefusedUpgrade = [...chainOf(error)].some(link => hasMessage(link, REFUSED_UPGRADE_MESSAGE))
  return isSetting || isRefusedUpgrade ? 'refused' : 'unreachable'
}

function kindOfLoginError({ code = '', message }: DatabaseError): FailureKind {
  if (REFUSED_SQLSTATES.has(code)) return 'refused'
  // 08P01 at login is also a start-up parameter that PgBouncer does not take.
  if (code === PROXY_SQLSTATE || code === '08P01')
    return PROXY_REFUSAL.test(message) ? 'refused' : 'unreachable'
  return 'unreachable'
}

function kindOfStatementError(error: unknown): FailureKind {
  if (error instanceof DatabaseError) {
    const { code = '' } = error
    return KIND_BY_SQLSTATE[code] ?? KIND_BY_SQLSTATE[code.slice(0, 2)] ?? 'statement'
  }
  if (hasMessage(error, TIMEOUT_MESSAGE)) return 'timeout'
  return isLinkError(error) ? 'lost' : 'statement'
}

// Texts of the driver (pg 8.8 and pg-pool 3.13 inside @neondatabase/serverless
// 1.2.0), which gives these errors no code.
const TIMEOUT_MESSAGE = /^Query read timeout$/
const LINK_MESSAGE =
  /^(?:Connection terminated|Client was closed and is not queryable|Client has encountered a connection error)/

// The text of ws when the upgrade is answered with a status that stays.
const REFUSED_UPGRADE_MESSAGE = /^Unexpected server response: (?:3\d\d|40[0134])$/

// Node.js, "Common system errors", and of OpenSSL those of a certificate that
// does not verify.
const LINK_CODE = /^(?:ECONN|ENOTFOUND$|EAI_|ETIMEDOUT$|EPIPE$|EHOST|ENET|EPROTO$|WS_ERR)/
const UNTRUSTED_CODE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/

function isLinkError(error: unknown): boolean {
  return isErrorEvent(error) || hasMessage(error, LINK_MESSAGE) || LINK_CODE.test(systemCode(error) ?? '')
}

/** The driver rejects with the WebSocket's ErrorEvent, which is no Error and hides the real one in `.error`. */
function isErrorEvent(error: unknown): error is { error: unknown } {
  return (
    typeof error === 'object' &&
    error !== null &&
    !(error instanceof Error) &&
    'error' in error &&
    'target' in error
  )
}

function hasMessage(error: unknown, pattern: RegExp): boolean {
  return error instanceof Error && pattern.test(error.message)
}

// Longer chains are circles.
const MAX_CAUSES = 8

/** The error, what it wraps, what that wraps, and so on. */
function* chainOf(error: unknown): Generator<object> {
  let current = error
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (typeof current !== 'object' || current === null) return
    yield current
    if (isErrorEvent(current)) current = current.error
    else current = current instanceof Error ? current.cause : undefined
  }
}

/** The code that Node.js gave a network error, wherever in the chain it is. */
function systemCode(error: unknown): string | undefined {
  for (const link of chainOf(error)) {
    if ('code' in link && typeof link.code === 'string') return link.code
  }
  return undefined
}

/** Facts about a failure that are safe in a log: no text of the server, no parameter, no address with a password. */
export function describeFailure({ code, kind, sqlState, cause }: DatabaseFailure): Record<string, string> {
  const facts: Record<string, string> = { code, kind }
  if (sqlState !== undefined) facts.sqlState = sqlState
  const causeCode = systemCode(cause)
  if (causeCode !== undefined && causeCode !== sqlState) facts.causeCode = causeCode
  return facts
}
