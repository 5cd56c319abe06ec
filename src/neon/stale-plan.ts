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

export function isStalePlan(error: unknown): boolean {
  return saysStalePlan(serverErrorIn(error)?.routine)
}
