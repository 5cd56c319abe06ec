/**
 * Owns `request.db`: the Drizzle client as the signed-in user, whose policies the database itself applies.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ClaimedDatabase, RegisteredSchema } from 'fastify-neon/db'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * `fastify.db` as the signed-in user: each statement, and each `transaction`, carries the user's id to the
     * policies. READ ONLY for GET and HEAD. Throws APP_UNAUTHENTICATED on a route without `authenticate`.
     */
    readonly db: ClaimedDatabase<RegisteredSchema>
  }
}

export interface RequestDbOptions {
  /** Setting of the transaction that the policies read. @default app.user_id */
  claim?: string
}

// RFC 9110, section 9.2.1; the others of them have no handler.
const SAFE_METHODS = new Set(['GET', 'HEAD'])

async function requestDbPlugin(fastify: FastifyInstance, { claim = 'app.user_id' }: RequestDbOptions) {
  const databases = new WeakMap<FastifyRequest, FastifyRequest['db']>()

  fastify.decorateRequest('db', {
    getter() {
      const known = databases.get(this)
      if (known) return known
      const db = fastify.db.$withClaims(
        { [claim]: this.user.id },
        { readOnly: SAFE_METHODS.has(this.method) }
      )
      databases.set(this, db)
      return db
    }
  })
}

export default fp(requestDbPlugin, {
  name: 'request-db',
  fastify: '5.x',
  dependencies: ['fastify-neon-db', 'auth']
})
