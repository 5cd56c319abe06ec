/**
 * What the server says of a prepared statement that it cannot execute any more, since a table of it has changed or
 * the session has dropped it. It says so each time, until the statement is prepared again.
 */
import { serverErrorIn } from '../errors/driver-error.ts'
import type { PreparedAs } from './statement-names.ts'

export interface ServerResponse {
  code?: string | undefined
  message?: string | undefined
  routine?: string | undefined
}

// By the routine, since SQLSTATE 0A000 is also that of any feature that is not there.
// PostgreSQL, plancache.c and prepare.c.
const ROUTINES = new Set<string | undefined>([
  'RevalidateCachedQuery',
  'FetchPreparedStatement',
  'StorePreparedStatement'
])

export function saysStalePlan({ routine }: ServerResponse): boolean {
  return ROUTINES.has(routine)
}

// Parameters keep the types that they were prepared with, also when their columns get others: a value may be out of
// range, or of another form, or there may be no such operator or cast. PostgreSQL, "Error Codes".
const OF_OLD_TYPES = /^(?:2200[378]|22P0[23]|42(?:725|804|846|883|P18))/

/** The statement may have been prepared for other types than its columns have now; or the caller is wrong. */
export function saysStaleTypes({ code = '' }: ServerResponse): boolean {
  return OF_OLD_TYPES.test(code)
}

// PostgreSQL, "Error Codes": no such statement, or one of this name already. PgBouncer says 08P01 of a name that
// nobody has told it, and ends the connection (src/prepare.c).
const OF_NAMES = new Set<string | undefined>(['26000', '42P05'])
const UNKNOWN_TO_POOLER = /^prepared statement did not exist/

/** The session has another statement under this name than the one that was prepared here, or none. */
export function saysNameIsLost({ code, message = '' }: ServerResponse, name: string): boolean {
  return (
    (OF_NAMES.has(code) && message.includes(name)) || (code === '08P01' && UNKNOWN_TO_POOLER.test(message))
  )
}

export function isStalePlan(error: unknown): boolean {
  return saysStalePlan(serverErrorIn(error) ?? {})
}

/**
 * What a pipeline was refused for, when that may be no fault of its sender: it had been prepared before, for types that
 * may be others now. The pipeline is sent again without names, since to prepare the same text again changes nothing
 * behind PgBouncer; when that succeeds, the name was to blame.
 */
export function suspectOf(
  { reused }: { reused: PreparedAs | undefined },
  error: unknown
): PreparedAs | undefined {
  return reused && saysStaleTypes(serverErrorIn(error) ?? {}) ? reused : undefined
}
