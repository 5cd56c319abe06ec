/**
 * This project's plugins, with their defaults.
 */
import fastify from 'fastify'
import dbPlugin from '../../../packages/fastify-neon/src/plugins/db.ts'
import healthPlugin from '../../../packages/fastify-neon/src/plugins/health/health.ts'
import { POOL_DEFAULTS } from '../../../packages/fastify-neon/src/pool/options.ts'
import * as schema from '../../../src/db/schema.ts'
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
