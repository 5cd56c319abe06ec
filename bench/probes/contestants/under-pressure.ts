/**
 * `@fastify/under-pressure` as its README shows it: a health check, a timer for it, and the status
 * route, which runs it as well. The timer has the rhythm of the probes; the README's is 500 ms.
 */
import underPressure from '@fastify/under-pressure'
import fastify from 'fastify'
import { listen, type Replica, type ReplicaSettings, scaledMs } from '../replica.ts'
import { createStockPool } from '../stock-pool.ts'

export async function startReplica(settings: ReplicaSettings): Promise<Replica> {
  const { everySeconds, factor } = settings
  const pool = createStockPool(settings)
  const app = fastify()
  await app.register(underPressure, {
    healthCheck: async () => {
      await pool.query('SELECT 1')
      return true
    },
    healthCheckInterval: scaledMs(everySeconds, factor),
    exposeStatusRoute: '/readyz'
  })
  app.get('/livez', async () => ({ status: 'ok' }))
  app.addHook('onClose', () => pool.end())
  return { port: await listen(app), close: () => app.close() }
}
