/**
 * Owns what searches may cost the others: so many of one user at once, each with a deadline of its own.
 */
import { sql } from 'drizzle-orm'
import type { FastifyRequest } from 'fastify'
import { DatabaseFailure } from 'fastify-neon/db'
import { findFailure } from 'fastify-neon/errors'
import { promise, type queueAsPromised } from 'fastq'
import { pageOfSearch, searchTasks, type TaskPage, type TaskSearch } from '../db/tasks.ts'
import { SearchTimeoutError, TooManySearchesError } from '../errors.ts'

export interface SearchLimits {
  /** Of one user, in this process. */
  atOnce: number
  /** Of one user, behind those. */
  waiting: number
  /** Longest time that the database works at one, in ms. */
  timeoutMs: number
}

export interface Search extends TaskSearch {
  db: FastifyRequest['db']
  /** Aborted when its client has gone. */
  signal: AbortSignal
}

/** Throws APP_TOO_MANY_SEARCHES, APP_SEARCH_TIMEOUT, and what the database throws. */
export function createSearch({ atOnce, waiting, timeoutMs }: SearchLimits) {
  const queues = new Map<string, queueAsPromised<Search, TaskPage>>()
  const deadline = sql`select set_config('statement_timeout', ${`${timeoutMs}`}, true)`

  return async (search: Search): Promise<TaskPage> => {
    const { owner } = search
    const queue = queues.get(owner) ?? promise(run, atOnce)
    if (queue.length() >= waiting) throw new TooManySearchesError()
    queues.set(owner, queue)
    try {
      return await queue.push(search)
    } finally {
      if (queue.idle()) queues.delete(owner)
    }
  }

  async function run({ db, signal, ...search }: Search): Promise<TaskPage> {
    if (signal.aborted) throw new DatabaseFailure('aborted')
    // One round trip: the deadline holds for the transaction of the batch.
    const [, rows] = await db
      .$batch(db => [db.execute(deadline), searchTasks(db, search)])
      .catch(error => Promise.reject(isTooSlow(error) ? new SearchTimeoutError({ cause: error }) : error))
    return pageOfSearch(rows, search)
  }
}

function isTooSlow(error: unknown): boolean {
  return findFailure(error)?.kind === 'timeout'
}
