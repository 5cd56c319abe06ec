/**
 * `fastify.db`: the Drizzle client of this service on its pool of connections to Neon.
 */
import type { FastifyInstance } from 'fastify'
import neonDb from 'fastify-neon/db'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'
import * as schema from '../db/schema.ts'

declare module 'fastify-neon/db' {
  interface Register {
    schema: typeof schema
  }
}

async function dbPlugin(fastify: FastifyInstance, options: Config['database']) {
  // Policies of the tables compare the owner of a row with this claim.
  await fastify.register(neonDb, { ...options, schema, claims: ['app.user_id'] })
}

export default fp(dbPlugin, { name: 'db' })
