/**
 * The Drizzle client on a pool, with `transaction` replaced by the safe one, since the driver's own leaks
 * clients and hides errors, with failures that show no parameter, and with a client for each user.
 */
import type { QueryConfig } from '@neondatabase/serverless'
import {
  createTableRelationsHelpers,
  DefaultLogger,
  type DrizzleConfig,
  type ExtractTablesWithRelations,
  extractTablesRelationalConfig,
  type Logger,
  type RelationalSchemaConfig,
  type TablesRelationalConfig
} from 'drizzle-orm'
import { NeonDatabase, type NeonSessionOptions, NeonTransaction } from 'drizzle-orm/neon-serverless'
import { PgDialect } from 'drizzle-orm/pg-core'
import { type BatchResults, createGathering, runAll, runBatch } from './batch.ts'
import { toFailure } from './failure.ts'
import { asFlightStatement, type FlightStatement } from './flight.ts'
import { type Claims, checkClaimNames, checkClaims, type Identity } from './identity.ts'
import type { NeonPool } from './pool.ts'
import { printAs } from './printed.ts'
import { runQuery, runRead } from './read.ts'
import { runNested } from './savepoint.ts'
import type { Scope } from './scope.ts'
import { FailureSession } from './session.ts'
import { hasRowsOnly } from './statement-text.ts'
import { runTransaction } from './transaction.ts'
import type { TransactionOptions } from './transaction-options.ts'

export type { Claims } from './identity.ts'

export type Schema = Record<string, unknown>

/** A Drizzle client of which each statement is a transaction of its own, with role and claims. */
export type ClaimedDatabase<TSchema extends Schema = Record<string, never>> = NeonDatabase<TSchema> & {
  /** As Drizzle's, with limits: see TransactionOptions. */
  transaction<T>(
    work: (tx: NeonTransaction<TSchema, ExtractTablesWithRelations<TSchema>>) => Promise<T>,
    options?: TransactionOptions
  ): Promise<T>
  /**
   * Queries that do not depend on each other's answers, as one transaction in one round trip:
   * `db.$batch(db => [db.insert(…).values(…), db.select().from(…)])`. All or none of them take effect. Together they
   * have the time of one statement. Throws what one of them fails with; CommitOutcomeUnknown when the link broke
   * before they were answered; and FST_NEON_OPTION_INVALID for what is not a query of the client that it gives.
   */
  $batch<const T extends readonly PromiseLike<unknown>[]>(
    build: (db: NeonDatabase<TSchema>) => T
  ): Promise<BatchResults<T>>
}

export interface ClaimedOptions {
  /** Every transaction is READ ONLY, whatever it asks for. @default false */
  readOnly?: boolean
}

export type Database<TSchema extends Schema = Record<string, never>> = ClaimedDatabase<TSchema> & {
  /** The pool under the client. Its statements have no role but that of the login. */
  readonly $client: NeonPool
  /**
   * The same client with these claims, for a user: `db.$as({ 'app.user_id': 'alice' })`. Cheap, so made for
   * each request. Throws FST_NEON_OPTION_INVALID for what is no claim.
   */
  $as(claims: Claims, options?: ClaimedOptions): ClaimedDatabase<TSchema>
}

export interface DatabaseOptions<TSchema extends Schema> {
  /** The tables and relations, as Drizzle takes them. */
  schema?: TSchema | undefined
  /** What each transaction switches to, and each statement, which then is a transaction. @default that of the login */
  role?: string | undefined
  /**
   * Names of claims that are empty in each statement and transaction that has none of that name, where there is a role.
   * Those of `$as` are known from its first use on. @default none
   */
  claims?: readonly string[] | undefined
  /** How Drizzle names the columns that have no name of their own. @default as in the table */
  casing?: Casing | undefined
  /** Drizzle's: gets each statement, with its parameters. @default none */
  logger?: boolean | Logger | undefined
}

type Casing = NonNullable<DrizzleConfig['casing']>

/** What all clients on a pool have in common. */
interface Shared<TTables extends TablesRelationalConfig> {
  dialect: PgDialect
  relational: RelationalSchemaConfig<TTables> | undefined
  session: NeonSessionOptions
}

/** Made as `drizzle({ client: pool, schema })` makes it, but for the session. */
export function createDatabase<TSchema extends Schema>(
  pool: NeonPool,
  { schema, role, claims: names = [], casing, logger }: DatabaseOptions<TSchema> = {}
): Database<TSchema> {
  const dialect = new PgDialect(casing && { casing })
  const relational = schema && relationalConfig(schema)
  const shared = { dialect, relational, session: sessionOptions(logger) }
  const cleared = checkClaimNames(names)
  return Object.assign(open(role === undefined ? {} : { identity: { role, cleared } }), {
    $client: pool,
    $as: openAs
  })

  function openAs(claims: Claims, { readOnly = false }: ClaimedOptions = {}) {
    const checked = checkClaims(claims)
    for (const name of Object.keys(checked)) cleared.add(name)
    return open({ identity: { role, claims: checked, cleared }, readOnly })
  }

  function open(manner: Manner): ClaimedDatabase<TSchema> {
    const session = new PoolSession(pool, manner, shared)
    const database = new NeonDatabase<TSchema>(dialect, session, relational)
    printAs(database, () => ({ type: 'NeonDatabase', pool }))
    return Object.assign(database, { $batch: batchAs(manner) })
  }

  function batchAs({
    identity = {},
    readOnly: isReadOnly = false
  }: Manner): ClaimedDatabase<TSchema>['$batch'] {
    return async build => {
      const gathering = createGathering()
      const session = new FailureSession(onlyQuery(gathering.query), dialect, relational, shared.session)
      const queries = build(new NeonDatabase<TSchema>(dialect, session, relational))
      return runAll(gathering, queries, statements => runBatch({ pool, identity, isReadOnly }, statements))
    }
  }
}

/** As `drizzle()` takes them. */
function sessionOptions(logger: boolean | Logger | undefined): NeonSessionOptions {
  if (logger === true) return { logger: new DefaultLogger() }
  return logger ? { logger } : {}
}

function relationalConfig<TSchema extends Schema>(schema: TSchema) {
  const { tables, tableNamesMap } = extractTablesRelationalConfig<ExtractTablesWithRelations<TSchema>>(
    schema,
    createTableRelationsHelpers
  )
  return { fullSchema: schema, schema: tables, tableNamesMap }
}

/** How the transactions of a client are run. */
interface Manner {
  identity?: Identity
  readOnly?: boolean
}

// The work is the statement and nothing else, so it may be repeated: a link that is lost is lost once, and
// the second one may have been as old.
const STATEMENT_RETRY = 2

class PoolSession<TSchema extends Schema, TTables extends TablesRelationalConfig> extends FailureSession<
  TSchema,
  TTables
> {
  readonly #pool: NeonPool
  readonly #manner: Manner
  readonly #shared: Shared<TTables>

  constructor(pool: NeonPool, manner: Manner, shared: Shared<TTables>) {
    super(oneByOne(pool, manner), shared.dialect, shared.relational, shared.session)
    this.#pool = pool
    this.#manner = manner
    this.#shared = shared
  }

  override transaction<T>(
    work: (tx: NeonTransaction<TSchema, TTables>) => Promise<T>,
    options: TransactionOptions = {}
  ): Promise<T> {
    return runTransaction(this.#pool, inManner(this.#manner, options), scope =>
      work(new ScopedTransaction(this.#shared, scope))
    )
  }
}

/** All that Drizzle asks of a pool, and no way to the rest of it. */
function onlyQuery(query: (config: QueryConfig, values: unknown[]) => Promise<unknown>): NeonPool {
  return Object.create(null, { query: { value: query } })
}

/** Each statement as a flight where that can be, and otherwise in a transaction, or as it is. */
function oneByOne(pool: NeonPool, manner: Manner): NeonPool {
  return onlyQuery(query)

  async function query(config: QueryConfig, values: unknown[]): Promise<unknown> {
    const statement = pool.pipelines ? asFlightStatement(config, values) : undefined
    if (statement === undefined || !mayOnlyRead(statement)) return alone(config, values)
    if (manner.identity === undefined) return runQuery(pool, statement)
    try {
      return await runRead(pool, manner.identity, statement)
    } catch (error) {
      if (manner.readOnly || !isRefusedWrite(error)) throw error
      pool.known.noteWriter(statement.text)
      return alone(config, values)
    }
  }

  function mayOnlyRead({ text }: FlightStatement): boolean {
    return manner.readOnly ? hasRowsOnly(text) : pool.known.of(text).isQuery
  }

  function alone(config: QueryConfig, values: unknown[]): Promise<unknown> {
    if (manner.identity === undefined) return pool.query(config, values)
    return runTransaction(pool, inManner(manner, { retry: STATEMENT_RETRY }), ({ client }) =>
      client.query(config, values)
    )
  }
}

// PostgreSQL, "Error Codes", read_only_sql_transaction.
function isRefusedWrite(error: unknown): boolean {
  return toFailure(error, 'statement').sqlState === '25006'
}

function inManner({ identity, readOnly }: Manner, options: TransactionOptions) {
  return { ...options, identity, ...(readOnly && { accessMode: 'read only' as const }) }
}

/** Drizzle's own nested one hides the error of the work behind that of a rollback. */
class ScopedTransaction<
  TSchema extends Schema,
  TTables extends TablesRelationalConfig
> extends NeonTransaction<TSchema, TTables> {
  readonly #shared: Shared<TTables>
  readonly #scope: Scope

  constructor(shared: Shared<TTables>, scope: Scope, depth = 0) {
    const { dialect, relational, session } = shared
    super(dialect, new FailureSession(scope.client, dialect, relational, session), relational, depth)
    this.#shared = shared
    this.#scope = scope
  }

  override async transaction<T>(work: (tx: NeonTransaction<TSchema, TTables>) => Promise<T>): Promise<T> {
    const depth = this.nestedIndex + 1
    return runNested(this.#scope, depth, inner => work(new ScopedTransaction(this.#shared, inner, depth)))
  }
}
