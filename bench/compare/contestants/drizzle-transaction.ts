/**
 * Owns the work of a user as Drizzle's documentation has it: a transaction that first sets role and claim.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../../src/db/executor.ts'
import { CLAIM, ROLE } from '../works.ts'
import { asExecutor } from './contestant.ts'

interface Transaction {
  execute(query: SQL): PromiseLike<unknown>
}

interface Database {
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
}

export function asUserOn(db: Database) {
  return <T>(user: string, work: (tx: Executor) => Promise<T>): Promise<T> =>
    db.transaction(async tx => {
      await tx.execute(sql`select set_config('role', ${ROLE}, true), set_config(${CLAIM}, ${user}, true)`)
      return await work(asExecutor(tx))
    })
}
