/**
 * A transaction inside a transaction: a savepoint that is released, or rolled back to when the work fails.
 */

import { toFailure } from '../errors/failure.ts'
import { isTimeout } from '../errors/timeout.ts'
import type { Scope } from './scope.ts'

export async function runNested<T>(
  outer: Scope,
  depth: number,
  work: (inner: Scope) => Promise<T>
): Promise<T> {
  const inner = await outer.nest()
  const savepoint = `sp${depth}`
  return inner
    .send(`SAVEPOINT ${savepoint}`)
    .then(workOrUndo)
    .then(async result => {
      await inner.send(`RELEASE SAVEPOINT ${savepoint}`).catch(undoAndThrow)
      return result
    })
    .finally(inner.end)

  async function workOrUndo() {
    try {
      // Closed before the savepoint ends: what comes later would run behind it, in the outer transaction.
      return await outer.runNested(async () => work(inner)).finally(inner.close)
    } catch (error) {
      return undoAndThrow(error)
    }
  }

  /** Also when RELEASE is refused, since a statement has failed of whose error the work said nothing: the outer one goes on. */
  async function undoAndThrow(error: unknown): Promise<never> {
    await undo(error)
    throw error
  }

  /** The error of the work is what the caller must see, whatever becomes of this. */
  async function undo(error: unknown) {
    // Behind a statement that got no answer this would wait as long again.
    if (isTimeout(error)) return inner.doom(toFailure(error, 'statement'))
    const statement = `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`
    await inner.send(statement).catch(undoError => inner.doom(toFailure(undoError, 'statement')))
  }
}
