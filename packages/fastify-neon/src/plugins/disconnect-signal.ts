/**
 * Tells when the client of a request disconnects.
 */
import type { FastifyReply } from 'fastify'

/**
 * A signal that is aborted when the client goes away before its answer is out. In place of Fastify's
 * `request.signal`, which a request with a body aborts as soon as that body is read.
 * Source: fastify/fastify, pull request 6725.
 */
export function disconnectSignal({ raw }: FastifyReply): AbortSignal {
  if (raw.destroyed && !raw.writableFinished) return AbortSignal.abort()
  const controller = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}
