/**
 * Owns the answer to a path that leads nowhere, and to a method that a path does not have. Neither body is read.
 */
import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import findMyWay from 'find-my-way'
import { MethodNotAllowedError, RouteNotFoundError } from '../../errors.ts'

/** To be registered before the routes. */
async function notFoundPlugin(fastify: FastifyInstance) {
  // Each path once, whatever its methods are.
  const paths = findMyWay({ ignoreTrailingSlash: true })

  for (const method of METHODS) {
    // Fastify answers by itself, and not as an error, a method that it does not know.
    if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method)
  }
  fastify.addHook('onRoute', ({ url, method }) => {
    // The preflights of all paths, where they are answered.
    if (url === '*') return
    const path = url.replace(/(?<=.)\/$/, '')
    const known = paths.findRoute('GET', path)?.store ?? new Set<string>()
    if (known.size === 0) paths.on('GET', path, () => {}, known)
    for (const name of [method].flat()) known.add(name)
  })
  fastify.addHook('onRequest', async (request, reply) => {
    if (request.is404) throw refusalOf(request, reply)
  })
  // For what is looked for behind a route, such as a file.
  fastify.setNotFoundHandler((request, reply) => {
    throw refusalOf(request, reply)
  })

  function refusalOf({ url, method }: FastifyRequest, reply: FastifyReply) {
    const [path = ''] = url.split('?', 1)
    const allowed: Set<string> | undefined = paths.find('GET', path)?.store
    if (allowed === undefined || allowed.has(method)) return new RouteNotFoundError()
    reply.header('allow', [...allowed].sort().join(', '))
    return new MethodNotAllowedError()
  }
}

export default fp(notFoundPlugin, { name: 'not-found', fastify: '5.x' })
