/**
 * Owns the answer to what is not HTTP, or not in time: it never becomes a request, so it gets
 * its problem body on the bare socket, and then the connection ends.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { HeadersTooLargeError, MalformedRequestError, RequestTimeoutError } from '../../errors.ts'
import { PROBLEM_TYPE, problemOf } from './error-handler.ts'

/** Fastify's `clientErrorHandler`. */
export function respondToClientError(
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

// Node.js, "Errors"; llhttp, the HPE codes.
function errorFor({ code }: { code?: string }) {
  if (code === 'HPE_HEADER_OVERFLOW') return new HeadersTooLargeError()
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimeoutError()
  return new MalformedRequestError()
}
