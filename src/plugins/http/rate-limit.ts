/**
 * Owns the limits of requests: so many of one user in a minute, and so many tokens that sign nobody in from
 * one address. Who has a valid token is never refused for the tokens of others.
 */
import rateLimit, { type RateLimitPluginOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RateLimitedError, UnauthenticatedError } from '../../errors.ts'
import { openRedis } from './redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An onRequest hook: `authenticate`, and 429 for whoever is over the limit. */
    signIn(request: FastifyRequest, reply: FastifyReply): Promise<void>
  }
}

export interface RateLimitOptions {
  /** Requests of one user in a minute. 0 is without a limit. */
  perMinute: number
  /** Where all processes count together; while it does not answer, and without one, each counts for itself. */
  redisUrl?: string | undefined
}

const MINUTE_MS = 60_000
// Behind an ingress or a company's gateway many users have one address.
const USERS_OF_AN_ADDRESS = 10
// Some hundred bytes each. Only a signed-in user or another address makes a new one.
const MAX_KEYS = 10_000

async function rateLimitPlugin(fastify: FastifyInstance, { perMinute, redisUrl }: RateLimitOptions) {
  if (perMinute === 0) {
    fastify.decorate('signIn', fastify.authenticate)
    return
  }
  const redis = redisUrl === undefined ? undefined : await openRedis(fastify, redisUrl)
  const own = await openLimits({ cache: MAX_KEYS })
  // A count that fails on its way lets the request pass.
  const shared = redis && (await openLimits({ redis, nameSpace: 'rate-limit:', skipOnError: true }))

  fastify.decorate('signIn', signIn)

  async function signIn(request: FastifyRequest, reply: FastifyReply) {
    const { limitUser, countAddress } = shared && redis?.status === 'ready' ? shared : own
    try {
      await fastify.authenticate(request)
    } catch (error) {
      if (error instanceof UnauthenticatedError) refuseAbove(await countAddress(request), reply)
      throw error
    }
    await limitUser.call(fastify, request, reply)
  }

  /** In a context of its own, since the plugin has one store for each. */
  async function openLimits(store: RateLimitPluginOptions) {
    let limits!: ReturnType<typeof limitsOf>
    await fastify.register(async context => {
      await context.register(rateLimit, {
        ...store,
        global: false,
        enableDraftSpec: true,
        timeWindow: MINUTE_MS,
        errorResponseBuilder: () => new RateLimitedError()
      })
      limits = limitsOf(context)
    })
    return limits
  }

  function limitsOf(context: FastifyInstance) {
    return {
      limitUser: context.rateLimit({ max: perMinute, keyGenerator: ({ user }) => `user:${user.id}` }),
      // By the address of the connection: X-Forwarded-For says whatever its sender likes.
      countAddress: context.createRateLimit({ max: perMinute * USERS_OF_AN_ADDRESS })
    }
  }
}

function refuseAbove(
  limit: Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>,
  reply: FastifyReply
) {
  if (limit.isAllowed || !limit.isExceeded) return
  reply.header('retry-after', limit.ttlInSeconds)
  throw new RateLimitedError()
}

export default fp(rateLimitPlugin, { name: 'rate-limit', fastify: '5.x', dependencies: ['auth'] })
