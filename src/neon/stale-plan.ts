/**
 * What the server says of a prepared statement that it cannot execute any more, since a table of it has changed or
 * the session has dropped it. It says so each time, until the statement is prepared again.
 */
import { serverErrorIn } from './driver-error.ts'

// By the routine, since SQLSTATE 0A000 is also that of any feature that is not there.
// PostgreSQL, plancache.c and prepare.c.
const ROUTINES = new Set<string | undefined>(['RevalidateCachedQuery', 'FetchPreparedStatement'])

export function saysStalePlan(routine: string | undefined): boolean {
  return ROUTINES.has(routine)
}

// Parameters keep the types that they were prepared with, also when their columns get others: a value may be out of
// range, or of another form, or there may be no such operator, for as long as the name is used. PostgreSQL, "Error Codes".
const OF_OLD_TYPES = /^(?:2200[378]|22P0[23]|42)/

/** The statement may have been prepared for other types than its columns have now; or the caller is wrong. */
export function saysStaleTypes(sqlState = ''): boolean {
  return OF_OLD_TYPES.test(sqlState)
}

export function isStalePlan(error: unknown): boolean {
  return saysStalePlan(serverErrorIn(error)?.routine)
}
