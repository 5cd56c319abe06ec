/**
 * Drizzle on node-postgres, over TCP.
 */
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzleWorks } from '../works.ts'
import { asExecutor, type Contestant, type ContestantOptions } from './contestant.ts'
import { asUserOn } from './drizzle-transaction.ts'
import { createPool } from './pg.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const pool = createPool(options)
  const db = drizzle({ client: pool })
  const asUser = asUserOn(db)
  return {
    works: drizzleWorks({ db: asExecutor(db), read: asUser, write: asUser }),
    close: () => pool.end()
  }
}
