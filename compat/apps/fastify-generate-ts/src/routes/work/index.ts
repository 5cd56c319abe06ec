import { sql } from 'drizzle-orm'
import type { FastifyPluginAsync } from 'fastify'

const work: FastifyPluginAsync = async fastify => {
  fastify.get('/', async () => {
    const { rows } = await fastify.db.transaction(tx => tx.execute(sql`select 'hello' as greeting`))
    return rows[0]
  })
}

export default work
