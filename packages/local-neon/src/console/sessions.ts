/**
 * Owns the list of sessions and their statements, as Postgres tells it. A compute that sleeps has none and is not woken,
 * and being asked keeps none awake.
 */
import type { Compute } from '../compute.ts'
import { within } from '../deadline.ts'
import { SUPERUSER } from '../postgres/cluster.ts'

export interface ActiveSession {
  processId: number
  user: string
  database: string
  applicationName: string
  /** As in pg_stat_activity: active, idle, idle in transaction, … */
  state: string
  /** Time in this state. */
  sinceMs: number
  /** The statement that runs, or ran last. */
  statement: string
}

const MAX_SESSIONS = 200
const SQL = `
  SELECT pid, usename, datname, application_name, state,
    (extract(epoch FROM clock_timestamp() - coalesce(state_change, backend_start)) * 1000)::bigint, query
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND usename <> '${SUPERUSER}'
  ORDER BY backend_start, pid
  LIMIT ${MAX_SESSIONS}`

/** A Postgres that hangs must not hold up the rest of the console. */
const ANSWER_DEADLINE_MS = 1_000

/** Resolves with undefined where Postgres does not answer. */
export function createSessionList(
  compute: Pick<Compute, 'running'>,
  deadlineMs = ANSWER_DEADLINE_MS
): () => Promise<ActiveSession[] | undefined> {
  /** Shared by all who ask meanwhile, so that they do not pile up. */
  let asking: Promise<ActiveSession[] | undefined> | undefined

  return async () => {
    asking ??= ask().finally(() => {
      asking = undefined
    })
    let sessions: ActiveSession[] | undefined
    await within(
      deadlineMs,
      asking.then(answer => {
        sessions = answer
      })
    )
    return sessions
  }

  async function ask(): Promise<ActiveSession[] | undefined> {
    if (!compute.running) return []
    const rows = await compute.running.superuser.query(SQL).catch(() => undefined)
    return rows?.map(sessionFrom)
  }
}

function sessionFrom([
  processId,
  user = '',
  database = '',
  applicationName = '',
  state = '',
  sinceMs,
  statement = ''
]: string[]): ActiveSession {
  return {
    processId: Number(processId),
    user,
    database,
    applicationName,
    state,
    sinceMs: Number(sinceMs),
    statement
  }
}
