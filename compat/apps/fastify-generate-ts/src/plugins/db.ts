import db from 'fastify-neon/db'
import health from 'fastify-neon/health'
import fp from 'fastify-plugin'

export default fp(async fastify => {
  await fastify.register(db, { connectionString: process.env.DATABASE_URL })
  await fastify.register(health)
})
