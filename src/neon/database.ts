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
import { PgDialect } from 'drizzle-orm/pg-core'
import type { NeonPool } from './pool.ts'
import { printAs } from './printed.ts'
import { runNested } from './savepoint.ts'
import type { Scope } from './scope.ts'
import { FailureSession } from './session.ts'
import { runTransaction } from './transaction.ts'
import type { TransactionOptions } from './transaction-options.ts'

export type Schema = Record<string, unknown>

export type Database<TSchema extends Schema = Record<string, never>> = NeonDatabase<TSchema> & {
  /** The pool under the client. */
  readonly $client: NeonPool
  /** As Drizzle's, with limits: see TransactionOptions. */
  transaction<T>(
    work: (tx: NeonTransaction<TSchema, ExtractTablesWithRelations<TSchema>>) => Promise<T>,
    options?: TransactionOptions
  ): Promise<T>
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
    options: TransactionOptions = {}
  ): Promise<T> {
    return runTransaction(this.#pool, options, scope =>
      work(new ScopedTransaction(this.dialect, scope, this.#relational))
    )
  }
}

/** Drizzle's own nested one hides the error of the work behind that of a rollback. */
class ScopedTransaction<
  TSchema extends Schema,
  TTables extends TablesRelationalConfig
> extends NeonTransaction<TSchema, TTables> {
  readonly #dialect: PgDialect
  readonly #scope: Scope
  readonly #relational: RelationalSchemaConfig<TTables> | undefined

  constructor(dialect: PgDialect, scope: Scope, relational?: RelationalSchemaConfig<TTables>, depth = 0) {
    super(dialect, new FailureSession(scope.client, dialect, relational), relational, depth)
    this.#dialect = dialect
    this.#scope = scope
    this.#relational = relational
  }

  override async transaction<T>(work: (tx: NeonTransaction<TSchema, TTables>) => Promise<T>): Promise<T> {
    const depth = this.nestedIndex + 1
    return runNested(this.#scope, depth, inner =>
      work(new ScopedTransaction(this.#dialect, inner, this.#relational, depth))
    )
  }
}
