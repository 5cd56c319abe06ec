/**
 * Owns the pool of the peers: the driver's own, with nothing of this project around it.
 */
import { neonConfig, Pool } from '@neondatabase/serverless'
import { WebSocket } from 'ws'
import { idleTimeoutMs, POOL_MAX, type ReplicaSettings } from './replica.ts'

export function createStockPool({ url, factor }: ReplicaSettings): Pool {
  Object.assign(neonConfig, {
    webSocketConstructor: WebSocket,
    useSecureWebSocket: false,
    wsProxy: (host: string, port: number) => `${host}:${port}/v2`
  })
  const pool = new Pool({
    connectionString: url,
    max: POOL_MAX,
    idleTimeoutMillis: idleTimeoutMs(factor)
  })
  // Without a listener the end of an idle connection would end the process.
  pool.on('error', () => {})
  return pool
}
