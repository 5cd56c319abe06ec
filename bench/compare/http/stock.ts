/**
 * The same route on the stock driver with Drizzle.
 */
import { drizzle } from 'drizzle-orm/neon-serverless'
import { asUserOn } from '../contestants/drizzle-transaction.ts'
import { createPool } from '../contestants/stock-pool.ts'
import { type AppOptions, POOL_MAX } from './app.ts'
import { buildPeerApp } from './peer-app.ts'

export function build(options: AppOptions) {
  const pool = createPool({ url: options.url, max: POOL_MAX })
  return buildPeerApp(options, { asUser: asUserOn(drizzle({ client: pool })), close: () => pool.end() })
}
