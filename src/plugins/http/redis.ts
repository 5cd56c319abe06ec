/**
 * Owns the connection to the Redis in which all processes count. Nobody waits for it: a command that cannot be sent, or
 * is not answered at once, fails.
 */
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { REDIS_LIMITS } from '../../limits.ts'

/** Resolves after the first try. It is `ready` while it can be used, connects again by itself, and ends with the server. */
export async function openRedis(fastify: FastifyInstance, url: string): Promise<Redis> {
  // Loaded only where it is wanted.
  const { Redis } = await import('ioredis')
  const { answerTimeoutMs, connectTimeoutMs, maxPauseMs } = REDIS_LIMITS
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: answerTimeoutMs,
    socketTimeout: answerTimeoutMs,
    connectTimeout: connectTimeoutMs,
    retryStrategy: times => Math.min(times * 100, maxPauseMs)
  })
  let isFailing = false

  redis.on('error', err => {
    if (!isFailing) fastify.log.warn({ err }, 'redis does not answer: each process counts for itself')
    isFailing = true
  })
  redis.on('ready', () => {
    if (isFailing) fastify.log.info('redis answers again: requests are counted for all processes')
    isFailing = false
  })
  // ioredis leaves the timer of a connection that was lost before an answer: it would end the next one, and keeps the
  // process alive until then.
  redis.on('close', () => clearTimeout(Reflect.get(redis, 'socketTimeoutTimer')))
  fastify.addHook('onClose', async () => redis.disconnect())
  // What is wrong is told as an event.
  await redis.connect().catch(() => {})
  return redis
}
