/**
 * Owns the limits of requests: so many of one user in a minute, and so many tokens that sign nobody in from
 * one address. Who has a valid token is never refused for the tokens of others.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RateLimitedError, UnauthenticatedError } from '../errors.ts'
import { createWindowStore } from './rate-window.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An onRequest hook: `authenticate`, and 429 for whoever is over the limit. */
    signIn(request: FastifyRequest, reply: FastifyReply): Promise<void>
  }
}

export interface RateLimitOptions {
  /** Requests of one user in a minute, in this process. 0 is without a limit. */
  perMinute: number
  /** Milliseconds since some moment; never goes back. @default performance.now */
  now?: () => number
}

const MINUTE_MS = 60_000
// Behind an ingress or a company's gateway many users have one address.
const USERS_OF_AN_ADDRESS = 10
// Some hundred bytes each. Only a signed-in user or another address makes a new one.
const MAX_KEYS = 10_000

async function rateLimitPlugin(
  fastify: FastifyInstance,
  { perMinute, now = () => performance.now() }: RateLimitOptions
) {
  if (perMinute === 0) {
    fastify.decorate('signIn', fastify.authenticate)
    return
  }
  await fastify.register(rateLimit, {
    global: false,
    enableDraftSpec: true,
    timeWindow: MINUTE_MS,
    store: createWindowStore({ maxKeys: MAX_KEYS, now }),
    errorResponseBuilder: () => new RateLimitedError()
  })
  const limitUser = fastify.rateLimit({ max: perMinute, keyGenerator: ({ user }) => user.id })
  // By the address of the connection: X-Forwarded-For says whatever its sender likes.
  const countAddress = fastify.createRateLimit({ max: perMinute * USERS_OF_AN_ADDRESS })

  fastify.decorate('signIn', signIn)

  async function signIn(request: FastifyRequest, reply: FastifyReply) {
    try {
      await fastify.authenticate(request)
    } catch (error) {
      if (error instanceof UnauthenticatedError) await limitAddress(request, reply)
      throw error
    }
    await limitUser.call(fastify, request, reply)
  }

  async function limitAddress(request: FastifyRequest, reply: FastifyReply) {
    const limit = await countAddress(request)
    if (limit.isAllowed || !limit.isExceeded) return
    reply.header('retry-after', limit.ttlInSeconds)
    throw new RateLimitedError()
  }
}

export default fp(rateLimitPlugin, { name: 'rate-limit', fastify: '5.x', dependencies: ['auth'] })
