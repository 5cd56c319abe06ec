/**
 * The Drizzle client on a pool, with `transaction` replaced by the safe one, since the
 * driver's own leaks clients and hides errors, and with failures that show no parameter.
 */
import {
  createTableRelationsHelpers,
  type ExtractTablesWithRelations,
  extractTablesRelationalConfig,
  type RelationalSchemaConfig,
  type TablesRelationalConfig
} from 'drizzle-orm'
import { NeonDatabase, NeonTransaction } from 'drizzle-orm/neon-serverless'
import { PgDialect, type PgTransactionConfig } from 'drizzle-orm/pg-core'
import type { NeonPool } from './pool.ts'
import { printAs } from './printed.ts'
import { FailureSession } from './session.ts'
import { runTransaction } from './transaction.ts'

export type Schema = Record<string, unknown>

export type Database<TSchema extends Schema = Record<string, never>> = NeonDatabase<TSchema> & {
  /** The pool under the client. */
  readonly $client: NeonPool
}

/** Made as `drizzle({ client: pool, schema })` makes it, but for the session. */
export function createDatabase<TSchema extends Schema>(pool: NeonPool, schema?: TSchema): Database<TSchema> {
  const dialect = new PgDialect()
  const relational = schema && relationalConfig(schema)
  const session = new PoolSession(pool, dialect, relational)
  const database = new NeonDatabase<TSchema>(dialect, session, relational)
  printAs(database, () => ({ type: 'NeonDatabase', pool }))
  return Object.assign(database, { $client: pool })
}

function relationalConfig<TSchema extends Schema>(schema: TSchema) {
  const { tables, tableNamesMap } = extractTablesRelationalConfig<ExtractTablesWithRelations<TSchema>>(
    schema,
    createTableRelationsHelpers
  )
  return { fullSchema: schema, schema: tables, tableNamesMap }
}

class PoolSession<TSchema extends Schema, TTables extends TablesRelationalConfig> extends FailureSession<
  TSchema,
  TTables
> {
  readonly #pool: NeonPool
  readonly #relational: RelationalSchemaConfig<TTables> | undefined

  constructor(pool: NeonPool, dialect: PgDialect, relational?: RelationalSchemaConfig<TTables>) {
    super(pool, dialect, relational)
    this.#pool = pool
    this.#relational = relational
  }

  override transaction<T>(
    work: (tx: NeonTransaction<TSchema, TTables>) => Promise<T>,
    config: PgTransactionConfig = {}
  ): Promise<T> {
    return runTransaction(this.#pool, config, client => {
      const session = new FailureSession<TSchema, TTables>(client, this.dialect, this.#relational)
      return work(new NeonTransaction<TSchema, TTables>(this.dialect, session, this.#relational))
    })
  }
}
