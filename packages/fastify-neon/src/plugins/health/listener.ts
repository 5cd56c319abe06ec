/**
 * A port for the probes alone. Node.js accepts one connection in each turn of the event loop, in the order in which
 * they came: on the port of the traffic a probe waits behind everybody who connects.
 */
import { createServer, type Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { isEarlyRoute } from '../early-route.ts'

export interface ListenOptions {
  /** 0 is any free port. */
  port: number
  /** @default every address of the machine */
  host?: string | undefined
}

// Those who ask send a few hundred bytes; nobody else may keep a connection open.
const REQUEST_TIMEOUT_MS = 5000

/** Listens when the application does, and closes when its requests have ended. A port that is taken ends the process. */
export function addListener(fastify: FastifyInstance, listen: ListenOptions): Server {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: REQUEST_TIMEOUT_MS },
    (request, response) => {
      const { url = '' } = request
      const [path = ''] = url.split('?', 1)
      if (isEarlyRoute(fastify, path)) fastify.routing(request, response)
      else response.writeHead(404).end()
    }
  )
  fastify.addHook('onListen', async () => {
    server.listen({ ...listen }, () => fastify.log.info({ address: server.address() }, 'probes listening'))
  })
  fastify.addHook('onClose', async () => {
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  return server
}
