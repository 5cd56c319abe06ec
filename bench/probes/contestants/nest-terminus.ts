/**
 * `@nestjs/terminus`, in a Nest context of its own behind a route of Fastify: an indicator with the
 * second that those for databases have, whose query is theirs as well (typeorm.health.js).
 */
import { NestFactory } from '@nestjs/core'
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus'
import fastify from 'fastify'
import { listen, type Replica, type ReplicaSettings } from '../replica.ts'
import { createStockPool } from '../stock-pool.ts'

/** Not scaled: an answer takes real time. */
const TIMEOUT_MS = 1000

class HealthModule {}

export async function startReplica(settings: ReplicaSettings): Promise<Replica> {
  const pool = createStockPool(settings)
  const root = { module: HealthModule, imports: [TerminusModule.forRoot({ logger: false })] }
  const context = await NestFactory.createApplicationContext(root, { logger: false })
  const health = context.get(HealthCheckService, { strict: false })
  const indicators = context.get(HealthIndicatorService, { strict: false })

  const app = fastify()
  app.get('/livez', () => health.check([]))
  app.get('/readyz', () => health.check([isDatabaseUp]))
  app.addHook('onClose', async () => {
    await context.close()
    await pool.end()
  })
  return { port: await listen(app), close: () => app.close() }

  function isDatabaseUp() {
    const ping = async () => {
      await pool.query('SELECT 1')
    }
    return indicators.check('database').attempt(ping).withTimeout(TIMEOUT_MS)
  }
}
