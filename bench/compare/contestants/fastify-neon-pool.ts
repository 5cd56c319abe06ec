/**
 * This project's pool without Drizzle: `fastify.db.$client`.
 */
import { verifiedUrl } from '../../../packages/fastify-neon/src/connection-string/connection-url.ts'
import { NeonPool, poolLimits } from '../../../packages/fastify-neon/src/pool/pool.ts'
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

/** With the plugin's defaults. */
export function createPool({ url, max }: ContestantOptions): NeonPool {
  return new NeonPool({
    url: verifiedUrl(url, 'url'),
    applicationName: 'fastify-neon',
    ...poolLimits({ max })
  })
}
