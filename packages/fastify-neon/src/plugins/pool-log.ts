/**
 * What the log says of a pool: one line per change, since an outage fails every request.
 */
import type { FastifyBaseLogger } from 'fastify'
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import { ConnectionFailure } from '../errors/connection-failure.ts'
import { type DatabaseFailure, describeFailure } from '../errors/failure.ts'
import type { PoolListener } from '../pool/pool.ts'

export interface PoolLogOptions {
  log: FastifyBaseLogger
  /** What the lines call it. */
  subject: 'database' | 'read replica'
  url: ConnectionUrl
  /** Says of what cannot be reached where it was looked for, and what to do. */
  explains?: boolean
}

const SESSION_CHANGED =
  'database connection closed after use, because a statement changed its session (SET, LISTEN, an advisory lock): use SET LOCAL, or keep a client checked out'

export function createPoolLog({ log, subject, url, explains = false }: PoolLogOptions): PoolListener {
  /** `reached`, or the code of what stands in the way. */
  let reach: string | undefined
  const changes = new Set<string>()

  return event => {
    switch (event.type) {
      case 'connected':
        if (reach !== 'reached') log.info(`${subject} reached`)
        reach = 'reached'
        break
      case 'connect-retried':
      case 'connect-failed':
        if (reach !== event.failure.code)
          log.warn(
            { ...describeFailure(event.failure), ...explanationOf(event.failure) },
            `${subject} not reached`
          )
        reach = event.failure.code
        break
      case 'idle-client-lost':
        log.info(describeFailure(event.failure), 'idle database client lost')
        break
      case 'names-given-up':
        log.warn(
          'prepared statements are off from now on: a connection did not have a statement that was prepared on it, as behind a pooler with max_prepared_statements = 0'
        )
        break
      case 'session-changed':
        tellSessionChange(event.change)
        break
      case 'long-checkout':
        log.warn({ checkedOutMs: event.checkedOutMs, place: event.place }, 'database client not given back')
        break
    }
  }

  function explanationOf(failure: DatabaseFailure) {
    return explains ? { explanation: new ConnectionFailure(failure, url).message } : {}
  }

  /** Once for each kind, since a statement may be that of each request. */
  function tellSessionChange(change: string) {
    if (changes.has(change)) return
    changes.add(change)
    log.warn({ change, pooled: url.isPooled }, SESSION_CHANGED)
  }
}
