/**
 * The pool as an application has it: with the types of pg's Pool and PoolClient (@types/pg 8), so that libraries on pg take it
 * without a cast. They are said here and not taken from pg, which not every application has.
 */
import type { Client } from '@neondatabase/serverless'
import type { NeonClient } from '../client/client.ts'
import type { CheckedOutClient, ConnectCallback, NeonPool } from './pool.ts'

/** A client that is checked out. It has pg's methods, but for `copyFrom` and `copyTo`, which pg only names. */
export type PoolClient = Client &
  Pick<NeonClient, 'getTransactionStatus' | 'pipeline'> &
  Pick<CheckedOutClient, 'connect' | 'release'>

/** The pool, without what is for the layers above it alone. */
export type Pool = Omit<
  NeonPool,
  | 'checkout'
  | 'connect'
  | 'known'
  | 'named'
  | 'names'
  | 'pipelines'
  | 'report'
  | 'runPipeline'
  | 'transactionTimeoutMs'
> & {
  connect(): Promise<PoolClient>
  connect(callback: ConnectCallback<PoolClient>): void
}
