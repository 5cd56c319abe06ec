/**
 * Asks the database whether it is there, on a connection of its own: never on one that a request
 * waits for, and with nothing left behind.
 */
import type { NeonClient } from './client.ts'
import { DatabaseFailure, toFailure } from './failure.ts'

/**
 * One login and one statement, in `timeoutMs` at most. Resolves with undefined when it was answered,
 * and with the failure when it was not; never rejects.
 */
export async function probe(client: NeonClient, timeoutMs: number): Promise<DatabaseFailure | undefined> {
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    client.kill()
  }, timeoutMs)
  return client
    .connect()
    .then(() => client.query('SELECT 1'))
    .then(
      () => undefined,
      (error: unknown) => (isLate ? new DatabaseFailure('unreachable') : toFailure(error, 'connect'))
    )
    .finally(() => {
      clearTimeout(timer)
      client.end()
    })
}
