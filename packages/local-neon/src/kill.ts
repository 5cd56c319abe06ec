/**
 * Owns the end of backends on command, as an operator of Postgres has it.
 */
import type { Compute } from './compute.ts'
import { SUPERUSER } from './postgres/cluster.ts'
import { literal } from './postgres/superuser.ts'

/** Whose backends; without any, all but the superuser's. */
export interface BackendFilter {
  processId?: number
  database?: string
  user?: string
  applicationName?: string
}

/** A sleeping compute has none, and is not woken. */
export async function killBackends(compute: Compute, filter: BackendFilter = {}): Promise<number> {
  const { processId, database, user, applicationName } = filter
  const conditions = [
    `backend_type = 'client backend' AND usename <> '${SUPERUSER}'`,
    ...(processId === undefined ? [] : [`pid = ${Math.trunc(processId)}`]),
    ...equals('datname', database),
    ...equals('usename', user),
    ...equals('application_name', applicationName)
  ]
  const rows = await compute.running?.superuser.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${conditions.join(' AND ')}`
  )
  return rows?.length ?? 0
}

function equals(column: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${column} = ${literal(value)}`]
}
