/**
 * Drizzle's session with another client under it. A statement that fails throws a DatabaseFailure: what Drizzle throws
 * has the statement in its message, and on 0.4x its parameters.
 */
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { toFailure } from '../errors/failure.ts'
import type { Cache } from './cache.ts'

export interface SessionParts {
  /** All that Drizzle asks of a client. */
  client: { query(config: never, values: never): unknown }
  cache?: Cache | undefined
  /** False: its queries are neither looked for in the cache nor kept there. */
  readsCache: boolean
  transaction?: (work: never, options?: never) => Promise<unknown>
}

interface Session {
  prepareQuery(...query: never): { execute(values?: Record<string, unknown>): Promise<unknown> }
}

/** A session like `session`, with these parts in place of its own. */
export function sessionWith(
  session: Session,
  { client, cache, transaction, readsCache }: SessionParts
): object {
  // Not `session` as its prototype: of one class and with the same fields, so that the engine knows each like the others.
  const made: Session = Object.create(Object.getPrototypeOf(session))
  Object.assign(made, session, { client, prepareQuery })
  if (cache) Object.assign(made, { cache })
  return transaction ? Object.assign(made, { transaction }) : made

  /** Every statement of Drizzle comes through here: builders, relational queries, `execute`, savepoints. */
  function prepareQuery(...query: never) {
    const prepared = session.prepareQuery.apply(made, query)
    const execute = prepared.execute.bind(prepared)
    if (!readsCache) Object.assign(prepared, { cacheConfig: undefined })
    const executeSafely: typeof execute = values => execute(values).catch(throwSafely)
    prepared.execute = executeSafely
    return prepared
  }
}

/** A bug in a column's own mapping is none of the database. */
function throwSafely(error: unknown): never {
  throw error instanceof DrizzleQueryError ? toFailure(error, 'statement') : error
}
