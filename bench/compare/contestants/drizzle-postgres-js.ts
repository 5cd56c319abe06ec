/**
 * Drizzle on postgres.js, over TCP.
 */
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { drizzleWorks } from '../works.ts'
import { asExecutor, type Contestant, type ContestantOptions } from './contestant.ts'
import { asUserOn } from './drizzle-transaction.ts'

export async function open({ url, max }: ContestantOptions): Promise<Contestant> {
  const client = postgres(url, { max })
  const db = drizzle({ client })
  const asUser = asUserOn(db)
  return {
    works: drizzleWorks({ db: asExecutor(db), read: asUser, write: asUser }),
    close: () => client.end()
  }
}
