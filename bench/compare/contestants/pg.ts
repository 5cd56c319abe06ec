/**
 * `pg` without Drizzle, over TCP.
 */
import pg from 'pg'
import { textWorks } from '../works.ts'
import type { Contestant, ContestantOptions } from './contestant.ts'
import { transactionOn } from './text-transaction.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const pool = createPool(options)
  const works = textWorks({
    query: (text, values) => pool.query(text, values),
    transaction: work => transactionOn(pool, work)
  })
  return { works, close: () => pool.end() }
}

export function createPool({ url, max }: ContestantOptions): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', () => {})
  return pool
}
