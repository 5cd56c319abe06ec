/**
 * Asks the database whether it is there, on a connection of its own: never on one that a request
 * waits for, and with nothing left behind.
 */
import type { NeonClient } from '../../client/client.ts'
import { inEitherMode } from '../../client/eager-authentication.ts'
import { DatabaseFailure, toFailure } from '../../errors/failure.ts'

/**
 * One login and one statement, in `timeoutMs` at most. Resolves with undefined when it was answered,
 * and with the failure when it was not; never rejects.
 */
export async function probe(
  createClient: () => NeonClient,
  timeoutMs: number
): Promise<DatabaseFailure | undefined> {
  let client: NeonClient | undefined
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    client?.kill()
  }, timeoutMs)
  return inEitherMode(ask)
    .then(
      () => undefined,
      (error: unknown) => (isLate ? new DatabaseFailure('unreachable') : toFailure(error, 'connect'))
    )
    .finally(() => clearTimeout(timer))

  async function ask() {
    const asking = createClient()
    client = asking
    try {
      await asking.connect()
      await asking.query('SELECT 1')
    } finally {
      asking.end()
    }
  }
}
