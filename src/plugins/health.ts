/**
 * The probes of this service: liveness, startup and readiness, which also checks that the migrations are applied.
 */
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import neonHealth from 'fastify-neon/health'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'

// The same place from src and from dist.
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

async function healthPlugin(fastify: FastifyInstance, options: Config['health']) {
  await fastify.register(neonHealth, { ...options, migrations: { folder: MIGRATIONS } })
}

export default fp(healthPlugin, { name: 'health' })
