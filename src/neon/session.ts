/**
 * Drizzle's session, with one change: a statement that fails throws a DatabaseFailure. What
 * Drizzle throws has the statement and its parameters in its message.
 */
import type { TablesRelationalConfig } from 'drizzle-orm'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { NeonSession } from 'drizzle-orm/neon-serverless'
import type { PgPreparedQuery, PreparedQueryConfig } from 'drizzle-orm/pg-core'
import { toFailure } from './failure.ts'

type PrepareArguments<T extends PreparedQueryConfig> = Parameters<
  typeof NeonSession.prototype.prepareQuery<T>
>

export class FailureSession<
  TSchema extends Record<string, unknown>,
  TTables extends TablesRelationalConfig
> extends NeonSession<TSchema, TTables> {
  /** Every statement of Drizzle comes through here: builders, relational queries, `execute`, savepoints. */
  override prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(
    ...query: PrepareArguments<T>
  ): PgPreparedQuery<T> {
    const prepared = super.prepareQuery<T>(...query)
    const execute = prepared.execute.bind(prepared)
    prepared.execute = async values => {
      try {
        return await execute(values)
      } catch (error) {
        // A bug in a column's own mapping is none of the database.
        throw error instanceof DrizzleQueryError ? toFailure(error, 'statement') : error
      }
    }
    return prepared
  }
}
