/**
 * The stock driver with Drizzle, as Drizzle's documentation shows it for Neon's WebSockets.
 */
import { drizzle } from 'drizzle-orm/neon-serverless'
import { drizzleWorks } from '../works.ts'
import { asExecutor, type Contestant, type ContestantOptions } from './contestant.ts'
import { asUserOn } from './drizzle-transaction.ts'
import { createPool } from './stock-pool.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const pool = createPool(options)
  const db = drizzle({ client: pool })
  const asUser = asUserOn(db)
  return {
    works: drizzleWorks({ db: asExecutor(db), read: asUser, write: asUser }),
    close: () => pool.end()
  }
}
