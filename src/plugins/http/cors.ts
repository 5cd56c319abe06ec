/**
 * Owns CORS: which pages of other origins may call the API. Without one of them no answer has a word of it.
 */
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

export interface CorsOptions {
  /** As browsers send them, such as `https://app.example`. */
  origins: readonly string[]
}

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']
const REQUEST_HEADERS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match']
const ANSWER_HEADERS = [
  'ETag',
  'Location',
  'Retry-After',
  'Idempotency-Replayed',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset'
]
// Chromium takes no more.
const MAX_AGE_SECONDS = 7200

/** To be registered before every hook that refuses a request, since a page cannot read a refusal without CORS. */
async function corsPlugin(fastify: FastifyInstance, { origins }: CorsOptions) {
  if (origins.length === 0) return
  await fastify.register(cors, {
    origin: (origin, done) => done(null, origin !== undefined && origins.includes(origin) && origin),
    methods: METHODS,
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: ANSWER_HEADERS,
    maxAge: MAX_AGE_SECONDS,
    strictPreflight: false
  })
}

export default fp(corsPlugin, { name: 'cors', fastify: '5.x' })
