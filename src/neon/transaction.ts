/**
 * The only way to run a transaction: it ends as committed (the tag COMMIT was
 * seen), as rolled back, or as one of unknown outcome, and never leaks a client.
 */
import type { PoolClient } from '@neondatabase/serverless'
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import { TransactionRolledBackError } from '../errors.ts'
import { NeonClient } from './client.ts'
import { DatabaseFailure, toFailure } from './failure.ts'
import type { NeonPool } from './pool.ts'

/**
 * Runs `work` between BEGIN and COMMIT on one client of the pool.
 *
 * Throws what `work` throws, after a rollback. Throws a DatabaseFailure when no
 * client or no BEGIN could be had, or when the link broke after COMMIT was sent
 * (`commitOutcomeUnknown`), and TransactionRolledBackError when the server
 * answered COMMIT with a rollback.
 */
export async function runTransaction<T>(
  pool: NeonPool,
  config: PgTransactionConfig,
  work: (client: PoolClient) => Promise<T>
): Promise<T> {
  const begin = beginStatement(config)
  const client = await pool.connect()
  try {
    await client.query(begin).catch(failBeforeWork)
    const result = await workOrRollBack(client, work)
    await commit(client)
    return result
  } finally {
    // Destroys the client unless its transaction is over.
    client.release()
  }
}

async function workOrRollBack<T>(client: PoolClient, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const borrowed = borrow(client)
  try {
    return await Promise.resolve(borrowed.client).then(work).finally(borrowed.takeBack)
  } catch (error) {
    // The first error is what the caller must see, whatever becomes of the
    // rollback. Without one the client is not clean, so its release destroys it,
    // and the server rolls back when the connection is gone.
    await rollBack(client).catch(ignore)
    throw error
  }
}

/**
 * The client for as long as the work lasts. A branch that the work did not wait for would
 * otherwise run its statements after the end, on their own or in the next user's transaction.
 */
function borrow(client: PoolClient) {
  let isOver = false
  const handler: ProxyHandler<PoolClient> = {
    get(target, name) {
      if (name === 'query' && isOver) return refuseStatement
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    }
  }
  return {
    client: new Proxy(client, handler),
    takeBack: () => {
      isOver = true
    }
  }
}

async function refuseStatement(): Promise<never> {
  throw new DatabaseFailure('transactionOver')
}

async function rollBack(client: PoolClient) {
  // Behind a statement that got no answer a ROLLBACK would wait as long again.
  if (client instanceof NeonClient && client.isBusy) return
  await client.query('ROLLBACK')
}

async function commit(client: PoolClient) {
  const { command } = await client.query('COMMIT').catch(error => failAtCommit(client, error))
  // A transaction that already failed answers COMMIT with success and ROLLBACK.
  if (command !== 'COMMIT') throw new TransactionRolledBackError()
}

function failAtCommit(client: PoolClient, error: unknown): never {
  const isSent = client instanceof NeonClient && client.lastCommand === 'COMMIT'
  throw toFailure(error, isSent ? 'commit' : 'statement')
}

function ignore() {}

function failBeforeWork(error: unknown): never {
  throw toFailure(error, 'begin')
}

const ISOLATION_LEVELS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable']
const ACCESS_MODES = ['read only', 'read write']

/** Drizzle appends these words raw, so they are compared with the words that exist. */
function beginStatement({ isolationLevel, accessMode, deferrable }: PgTransactionConfig): string {
  const words = ['BEGIN']
  if (isolationLevel !== undefined) words.push('ISOLATION LEVEL', oneOf(ISOLATION_LEVELS, isolationLevel))
  if (accessMode !== undefined) words.push(oneOf(ACCESS_MODES, accessMode))
  if (deferrable !== undefined) words.push(deferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE')
  return words.join(' ')
}

function oneOf(allowed: string[], word: string): string {
  if (!allowed.includes(word)) throw new TypeError(`a transaction's mode is one of: ${allowed.join(', ')}`)
  return word
}
