/**
 * A route that no hook, limit or authentication catches that is registered after it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Of each application, by its server, which all parts of it share. */
const earlyPaths = new WeakMap<object, Set<string>>()

export interface EarlyRoute {
  path: string
  /** As Fastify's, for those who describe the routes: the answer is not serialized by it. */
  schema?: { response: object }
  /** Ends the raw response by itself. When it rejects, the request is answered with 500 and the process goes on. */
  answer: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
}

const PATH = /^(?:\/[\w.~-]+)+$/

/** Like `/livez`: no parameter, no wildcard, no slash at the end. */
export function isPlainPath(path: string): boolean {
  return PATH.test(path)
}

/** It has no Connection header (RFC 9113, 8.2.2): a GOAWAY frame says that no more is taken. */
export function isHttp2({ raw }: FastifyRequest): boolean {
  return raw.httpVersionMajor === 2
}

export function isEarlyRoute({ server }: FastifyInstance, path: string): boolean {
  return earlyPaths.get(server)?.has(path) === true
}

/** GET and HEAD, without a line in the access log, which those who ask every few seconds would fill. */
export async function addEarlyRoute(fastify: FastifyInstance, { path, schema, answer }: EarlyRoute) {
  await fastify.register(async context => {
    // A hook of the context runs with those that were there before it. Hooks that the application adds
    // later are put behind it, and never see the request.
    context.addHook('onRequest', respond)
    earlyPaths.set(
      context.server,
      (earlyPaths.get(context.server) ?? new Set()).add(`${context.prefix}${path}`)
    )
    context.get(path, { logLevel: 'silent', exposeHeadRoute: true, ...(schema && { schema }) }, respond)
  })

  function respond(request: FastifyRequest, reply: FastifyReply) {
    reply.hijack()
    answer(request, reply)
      .catch(err => {
        reply.raw.statusCode = 500
        reply.raw.end()
        fastify.log.error({ err }, 'an early route failed')
      })
      // An error that no logger can read must not end the process.
      .catch(ignore)
  }
}

function ignore() {}
