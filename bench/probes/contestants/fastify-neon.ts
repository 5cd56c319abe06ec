/**
 * This project's plugins, with their defaults.
 */
import fastify from 'fastify'
import * as schema from '../../../src/db/schema.ts'
import { POOL_DEFAULTS } from '../../../src/neon/pool-limits.ts'
import dbPlugin from '../../../src/plugins/db.ts'
import healthPlugin from '../../../src/plugins/health.ts'
import { idleTimeoutMs, listen, POOL_MAX, type Replica, type ReplicaSettings, scaledMs } from '../replica.ts'

export async function startReplica({ url, factor }: ReplicaSettings): Promise<Replica> {
  const app = fastify()
  await app.register(dbPlugin, {
    connectionString: url,
    schema,
    max: POOL_MAX,
    idleTimeoutMs: idleTimeoutMs(factor),
    maxLifetimeMs: scaledMs(POOL_DEFAULTS.maxLifetimeMs / 1000, factor)
  })
  await app.register(healthPlugin)
  return { port: await listen(app), close: () => app.close() }
}
