/**
 * Development: what the server said of an error that failed a request, in a log line of that request, and never in its
 * answer.
 */
import type { FastifyInstance } from 'fastify'
import { describeServerError, findFailure } from '../errors/failure.ts'

/** Of an application with several databases, each of which asks for it. */
const told = new WeakSet<object>()

export function logErrorDetails(fastify: FastifyInstance): void {
  fastify.addHook('onError', async (request, _reply, error) => {
    const failure = findFailure(error)
    const serverError = failure && describeServerError(failure)
    if (serverError === undefined || told.has(error)) return
    told.add(error)
    request.log.warn({ serverError }, 'the database refused a statement')
  })
}
