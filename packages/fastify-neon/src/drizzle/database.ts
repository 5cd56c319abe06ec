/**
 * The Drizzle client on a pool, with `transaction` replaced by the safe one, since the driver's own leaks
 * clients and hides errors, with failures that show no parameter, and with a client for each user.
 */
import type { QueryConfig } from '@neondatabase/serverless'
import { drizzle, type NeonDatabase } from 'drizzle-orm/neon-serverless'
import { asPipelineStatement, type PipelineStatement } from '../client/pipeline.ts'
import { toFailure } from '../errors/failure.ts'
import type { Pool } from '../pool/pg-pool.ts'
import type { NeonPool } from '../pool/pool.ts'
import { runQuery } from '../pool/run-query.ts'
import { hasRowsOnly } from '../runtime/statement-text.ts'
import { type BatchResults, createGathering, runAll, runBatch } from '../transaction/batch.ts'
import { type Claims, checkClaimNames, checkClaims, type Identity } from '../transaction/claims.ts'
import type { TransactionOptions } from '../transaction/options.ts'
import { runRead } from '../transaction/read.ts'
import { runNested } from '../transaction/savepoint.ts'
import type { Scope } from '../transaction/scope.ts'
import { runTransaction } from '../transaction/transaction.ts'
import { type Cache, contained, postponed } from './cache.ts'
import {
  type DrizzleOptions,
  databaseOn,
  type NoTables,
  pooledDatabaseOn,
  refuseOptionsOfOtherLine,
  type Tables,
  type Transaction,
  transactionOn
} from './line.ts'
import { sessionWith } from './session.ts'

export type { Pool, PoolClient } from '../pool/pg-pool.ts'
export type { Claims } from '../transaction/claims.ts'
export { DRIZZLE_OPTIONS, type DrizzleOptions, type NoTables, type Tables } from './line.ts'

/** A Drizzle client whose statements each run in a transaction with role and claims. */
export type ClaimedDatabase<T extends Tables = NoTables> = NeonDatabase<T> & {
  /** As Drizzle's, with limits: see TransactionOptions. */
  transaction<R>(work: (tx: Transaction<T>) => Promise<R>, options?: TransactionOptions): Promise<R>
  /**
   * Runs queries that do not depend on each other's results as one transaction in one round trip:
   * `db.$batch(db => [db.insert(…).values(…), db.select().from(…)])`. All or none of them take effect. Together they
   * have the time of one statement. Throws the error of the query that failed, CommitOutcomeUnknown when the connection
   * broke before the answers, and FST_NEON_OPTION_INVALID for a value that is not a query of the given client.
   */
  $batch<const Q extends readonly PromiseLike<unknown>[]>(
    build: (db: NeonDatabase<T>) => Q
  ): Promise<BatchResults<Q>>
}

export interface ClaimedOptions {
  /** Every transaction is READ ONLY, whatever its options are. @default false */
  readOnly?: boolean
}

export type Database<T extends Tables = NoTables> = ClaimedDatabase<T> & {
  /** The pool of the client. Its statements run as the role of the login. */
  readonly $client: Pool
  /**
   * The same client with these claims, for a user: `db.$withClaims({ 'app.user_id': 'alice' })`. It is cheap: make one
   * for each request. Throws FST_NEON_OPTION_INVALID for an invalid claim.
   */
  $withClaims(claims: Claims, options?: ClaimedOptions): ClaimedDatabase<T>
}

export type DatabaseOptions<T extends Tables> = DrizzleOptions<T> & {
  /**
   * Role that each statement and transaction switches to, so that row-level security applies although the login
   * bypasses it. Each statement then runs in a transaction. @default that of the login
   */
  role?: string | undefined
  /**
   * Names of claims that are empty in each statement and transaction of the role that sets no claim of that name.
   * Those of `$withClaims` are included from its first use on. @default none
   */
  claims?: readonly string[] | undefined
}

/** Made as `drizzle({ client: pool, ...options })` makes it, but for the session. */
export function createDatabase<T extends Tables = NoTables>(
  pool: NeonPool,
  options: DatabaseOptions<T> = {},
  { readOnly: isReadOnly = false }: ClaimedOptions = {}
): Database<T> {
  const { role, claims: names = [], cache } = options
  refuseOptionsOfOtherLine(options)
  const base = drizzle.mock<T>(options)
  const cleared = checkClaimNames(names)
  const ownCache = cache && contained(cache)
  const isPlain = role === undefined && !isReadOnly
  return Object.assign(open(isPlain ? {} : { identity: { role, cleared }, readOnly: isReadOnly }), {
    $client: pool,
    $withClaims: openAs
  })

  function openAs(claims: Claims, { readOnly = false }: ClaimedOptions = {}) {
    const checked = checkClaims(claims)
    for (const name of Object.keys(checked)) cleared.add(name)
    const share = Object.values(checked).join()
    return open({ identity: { role, claims: checked, cleared, share }, readOnly: readOnly || isReadOnly })
  }

  function open(context: StatementContext): ClaimedDatabase<T> {
    const session = sessionWith(base._.session, {
      client: { query: oneByOne(pool, context) },
      cache: ownCache,
      // It knows nothing of users.
      readsCache: context.identity?.claims === undefined,
      transaction: transactionAs(context)
    })
    return Object.assign(pooledDatabaseOn(base, session, pool), { $batch: batchAs(context) })
  }

  function transactionAs(context: StatementContext) {
    return <R>(work: (tx: Transaction<T>) => Promise<R>, options: TransactionOptions = {}): Promise<R> => {
      const later = cache && postponed(cache)
      return runTransaction(pool, withContext(context, options), scope =>
        work(scoped(scope, later?.cache))
      ).finally(later?.flush)
    }
  }

  /** Drizzle's own nested one hides the error of the work behind that of a rollback. */
  function scoped(scope: Scope, cache: Cache | undefined, depth = 0): Transaction<T> {
    const session = sessionWith(base._.session, { client: scope.client, cache, readsCache: false })
    return Object.assign(transactionOn(base, session, depth), {
      transaction: <R>(work: (tx: Transaction<T>) => Promise<R>) =>
        runNested(scope, depth + 1, inner => work(scoped(inner, cache, depth + 1)))
    })
  }

  function batchAs({
    identity = {},
    readOnly: isReadOnly = false
  }: StatementContext): ClaimedDatabase<T>['$batch'] {
    return async build => {
      const gathering = createGathering()
      const later = cache && postponed(cache)
      const session = sessionWith(base._.session, {
        client: { query: gathering.query },
        cache: later?.cache,
        readsCache: false
      })
      const queries = build(databaseOn(base, session))
      return runAll(gathering, queries, statements =>
        runBatch({ pool, identity, isReadOnly }, statements)
      ).finally(later?.flush)
    }
  }
}

/** How the transactions of a client are run. */
interface StatementContext {
  identity?: Identity
  readOnly?: boolean
}

// The work is the statement and nothing else, so it may be repeated: a connection that is lost is lost once, and
// the second one may have been as old.
const STATEMENT_RETRY = 2

/** Each statement as a pipeline where that can be, and otherwise in a transaction, or as it is. */
function oneByOne(pool: NeonPool, context: StatementContext) {
  const { identity } = context
  return query

  function query(config: QueryConfig, values: unknown[]): Promise<unknown> {
    const statement = pool.pipelines ? asPipelineStatement(config, values) : undefined
    if (statement === undefined) return alone(config, values)
    if (identity === undefined) return runQuery(pool, statement)
    if (!mayOnlyRead(statement)) return alone(config, values)
    return runRead(pool, identity, statement).catch(error => {
      if (context.readOnly || !isRefusedWrite(error)) throw error
      pool.statementCache.noteWriter(statement.text)
      return alone(config, values)
    })
  }

  function mayOnlyRead({ text }: PipelineStatement): boolean {
    return context.readOnly ? hasRowsOnly(text) : pool.statementCache.of(text).isQuery
  }

  function alone(config: QueryConfig, values: unknown[]): Promise<unknown> {
    if (identity === undefined) return pool.query(config, values)
    return runTransaction(pool, withContext(context, { retry: STATEMENT_RETRY }), ({ client }) =>
      client.query(config, values)
    )
  }
}

// PostgreSQL, "Error Codes", read_only_sql_transaction.
function isRefusedWrite(error: unknown): boolean {
  return toFailure(error, 'statement').sqlState === '25006'
}

function withContext({ identity, readOnly }: StatementContext, options: TransactionOptions) {
  return { ...options, identity, ...(readOnly && { accessMode: 'read only' as const }) }
}
