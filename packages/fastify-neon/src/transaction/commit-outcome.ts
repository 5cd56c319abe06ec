/**
 * A COMMIT that was sent and not answered: what is known of it, and how to learn the rest.
 */
import { DatabaseError } from '@neondatabase/serverless'
import { DatabaseFailure, toFailure } from '../errors/failure.ts'
import type { NeonPool } from '../pool/pool.ts'

/** `unknown`: the transaction was not tracked, or the server has forgotten it. */
export type CommitOutcome = 'committed' | 'aborted' | 'in progress' | 'unknown'

export interface UnknownCommit {
  pool: NeonPool
  /** The name of the transaction on the server, when it was asked for. */
  xid: string | undefined
  cause: unknown
}

/** COMMIT was sent and not answered: the work may be stored or not. */
export class CommitOutcomeUnknown extends DatabaseFailure {
  /** The id of the transaction on the server; undefined unless it ran with `trackCommitOutcome`. */
  readonly xid: string | undefined
  readonly #pool: NeonPool

  constructor({ pool, xid, cause }: UnknownCommit) {
    super('commitOutcomeUnknown', { cause })
    this.xid = xid
    this.#pool = pool
  }

  /**
   * Asks the server for the outcome, on another connection. After `in progress` ask again. Throws a DatabaseFailure
   * while the server cannot be reached.
   */
  async resolve(): Promise<CommitOutcome> {
    if (this.xid === undefined) return 'unknown'
    const text = 'SELECT pg_xact_status($1::xid8) AS outcome'
    const { rows } = await this.#pool
      .query<{ outcome: CommitOutcome | null }>(text, [this.xid])
      .catch(error => (isOfAnotherHistory(error) ? { rows: [] } : failToAsk(error)))
    return rows[0]?.outcome ?? 'unknown'
  }
}

/** An id in the future of this server: the branch was restored to a time before the transaction. */
function isOfAnotherHistory(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '22023'
}

function failToAsk(error: unknown): never {
  throw toFailure(error, 'statement')
}
