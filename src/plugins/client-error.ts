/**
 * Owns the answer to what is not HTTP, or not in time: it never becomes a request, so it gets
 * its problem body on the bare socket, and then the connection ends.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HeadersTooLargeError, MalformedRequestError, RequestTimeoutError } from '../errors.ts'
import { SOCKET_LIMITS } from '../limits.ts'
import { PROBLEM_TYPE, problemOf } from './error-handler.ts'

/** Fastify's `clientErrorHandler`. */
export function answerClientError(
  this: FastifyInstance,
  error: Error & { code?: string },
  socket: Socket
): void {
  // Of a reset there is nobody left to tell.
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const problem = problemOf(errorFor(error))
  const body = JSON.stringify(problem)
  // The error itself has the bytes that came.
  this.log.debug({ code: error.code }, 'what came is no request')
  if (socket.writable) {
    socket.write(
      [
        `HTTP/1.1 ${problem.status} ${problem.title}`,
        `Content-Type: ${PROBLEM_TYPE}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
        '',
        body
      ].join('\r\n')
    )
  }
  socket.destroySoon()
}

/**
 * An `onRequest` hook: refuses a request with more headers than the server reads. Node.js 20 passes it on
 * without those behind the limit, such as its Authorization; later lines refuse it before it is a request.
 */
export async function refuseSurplusHeaders({ raw }: FastifyRequest): Promise<void> {
  // Name and value are an element each.
  if (raw.rawHeaders.length / 2 > SOCKET_LIMITS.maxHeadersCount) throw new HeadersTooLargeError()
}

// Node.js, "Errors"; llhttp, the HPE codes.
function errorFor({ code }: { code?: string }) {
  if (code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLargeError()
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimeoutError()
  return new MalformedRequestError()
}
