/**
 * Owns the headers that every answer has: what a browser may do with it, which for JSON is nothing, and that
 * nobody keeps it. HSTS is left to whatever ends TLS in front of this server.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** A route that says something else of the same is heard. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  // Only of what a page embeds without asking, such as a script: what it fetches goes by CORS.
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store'
}

async function answerHeadersPlugin(fastify: FastifyInstance) {
  fastify.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!reply.hasHeader(name)) reply.header(name, value)
    }
  })
}

export default fp(answerHeadersPlugin, { name: 'answer-headers', fastify: '5.x' })
