/**
 * The same route with Drizzle on node-postgres, over TCP.
 */
import { drizzle } from 'drizzle-orm/node-postgres'
import { asUserOn } from '../contestants/drizzle-transaction.ts'
import { createPool } from '../contestants/pg.ts'
import { type AppOptions, POOL_MAX } from './app.ts'
import { buildPeerApp } from './peer-app.ts'

export function build(options: AppOptions) {
  const pool = createPool({ url: options.url, max: POOL_MAX })
  return buildPeerApp(options, { asUser: asUserOn(drizzle({ client: pool })), close: () => pool.end() })
}
