/**
 * `@godaddy/terminus` as its README shows it, on a server of node:http.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createTerminus } from '@godaddy/terminus'
import { portOf, type Replica, type ReplicaSettings } from '../replica.ts'
import { createStockPool } from '../stock-pool.ts'

export async function startReplica(settings: ReplicaSettings): Promise<Replica> {
  const pool = createStockPool(settings)
  const server = createServer((_request, response) => response.writeHead(404).end())
  createTerminus(server, {
    healthChecks: {
      '/livez': async () => {},
      '/readyz': async () => {
        await pool.query('SELECT 1')
      }
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: portOf(server.address()), close }

  async function close() {
    server.close()
    server.closeAllConnections()
    await pool.end()
  }
}
