/**
 * The stock driver without Drizzle: the `Pool` of `@neondatabase/serverless` as its documentation shows it for
 * Node.js, with nothing but the way to the relay in place of Neon's.
 */
import { neonConfig, Pool } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
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

export function createPool({ url, max }: ContestantOptions): Pool {
  neonConfig.webSocketConstructor = WebSocket
  neonConfig.wsProxy = (host, port) => `${host}:${port}/v2`
  neonConfig.useSecureWebSocket = new URL(url).searchParams.has('sslmode')
  const pool = new Pool({ connectionString: url, max })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', () => {})
  return pool
}
