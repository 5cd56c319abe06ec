/**
 * The signed-in user, as the database knows them: a route to start from. docs/reference/data-model.md has the tables of a
 * service whose rows belong to users.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { sql } from 'drizzle-orm'
import { Problem, problemResponses, schemaError } from './problems.ts'

const Me = Type.Object(
  { id: Type.String({ description: 'The subject of the token' }) },
  { additionalProperties: false, description: 'The signed-in user' }
)

const readMe = {
  operationId: 'readMe',
  tags: ['me'],
  summary: 'Read the signed-in user',
  security: [{ bearer: [] }],
  response: { 200: Me, ...problemResponses() }
}

const meRoutes: FastifyPluginAsyncTypebox = async fastify => {
  fastify.addSchema(Problem)
  fastify.setSchemaErrorFormatter(schemaError)
  fastify.addHook('onRequest', fastify.refuseWhenOverloaded)
  fastify.addHook('onRequest', fastify.signIn)

  fastify.get('/', { schema: readMe }, async ({ db, user }) => {
    const { rows } = await db.execute<{ id: string }>(sql`select app.user_id() as id`)
    return rows[0] ?? user
  })
}

export default meRoutes
