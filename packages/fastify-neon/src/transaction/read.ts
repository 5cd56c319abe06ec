/**
 * A single SELECT: one pipeline, with the role and the claims of its user in front of it, in a transaction that the
 * server opens and ends by itself. Nothing is left of it on the connection, so it may ride on one that others use.
 */

import type { PipelineResult, PipelineStatement } from '../client/pipeline.ts'
import { isStalePlan } from '../client/stale-plan.ts'
import type { NeonPool } from '../pool/pool.ts'
import { repeat } from '../pool/run-query.ts'
import { isQuery } from '../runtime/statement-text.ts'
import { claimsPipeline, type Identity } from './claims.ts'
import { isRepeatable } from './retry.ts'

/**
 * Runs a statement as `identity`, where nothing may be written. Repeats it after the loss of a connection, unless it calls
 * what may have effects besides, such as `pg_notify`, which a replica has none of. Throws what the
 * server answers, 25006 for a statement that writes; and a DatabaseFailure when there was no identity or no client.
 */
export async function runRead(
  pool: NeonPool,
  identity: Identity,
  statement: PipelineStatement
): Promise<PipelineResult | undefined> {
  const startedAt = performance.now()
  const before = claimsPipeline(identity, { readOnly: true })
  const wasConnectionLost = pool.isReplica || isQuery(statement.text)
  const mayRepeat = (error: unknown) => isStalePlan(error) || isRepeatable({ error, wasConnectionLost })
  try {
    const result = await repeat({ pool, before, statement, mayRepeat, share: identity.share })
    report('committed')
    return result
  } catch (error) {
    report('rolled-back')
    throw error
  }

  function report(outcome: 'committed' | 'rolled-back') {
    pool.report({ type: 'transaction-ended', outcome, durationMs: performance.now() - startedAt })
  }
}
