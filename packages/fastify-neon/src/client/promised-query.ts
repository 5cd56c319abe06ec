/**
 * A query of the driver whose caller waits for a promise. The driver makes a timer for each, and functions that the engine keeps,
 * with the rows, until the next full collection: those that are assigned to a property where they are written.
 */
import { DriverQuery, type DriverQueryConfig } from './driver.ts'

export interface PromisedQuery extends DriverQuery {
  /** Answered, failed, or given up for lack of time. */
  isOver: boolean
}

/** The arguments of `client.query`. */
export type GivenQuery = [config: DriverQueryConfig, values?: unknown[]]

/** Whether the caller of `client.query` gets a promise, of a query that the driver makes of a text or a config. */
export function isPromised(given: unknown[]): given is GivenQuery {
  const [config, values, ...others] = given
  if (typeof values === 'function' || others.length > 0) return false
  if (typeof config !== 'object') return typeof config === 'string'
  return config !== null && !Reflect.get(config, 'submit') && !Reflect.get(config, 'callback')
}

/** `onOutcome` is called once. */
export function promisedQuery(
  given: GivenQuery,
  onOutcome: (error: unknown, result?: unknown) => void
): PromisedQuery {
  const query: PromisedQuery = Object.assign(new DriverQuery(...given), { isOver: false, callback })
  return query

  function callback(error: unknown, result?: unknown) {
    if (query.isOver) return
    query.isOver = true
    onOutcome(error, result)
  }
}
