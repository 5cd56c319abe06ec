/**
 * Owns the end of connections when the server closes: those without a request go
 * at once, those that stall in the middle of one within a limit, and a request that
 * comes now is sent elsewhere.
 */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ClosingError } from '../errors.ts'

export interface ConnectionsOptions {
  /** Longest silence of a request that is under way while the server closes, in ms. */
  stallTimeoutMs: number
}

async function connectionsPlugin(fastify: FastifyInstance, { stallTimeoutMs }: ConnectionsOptions) {
  const open = new Set<Socket>()
  // A browser and a load balancer open connections ahead of need. Node.js neither
  // counts them as idle nor looks at their timeouts any more once it closes.
  const unused = new Set<Socket>()

  fastify.server.on('connection', socket => {
    open.add(socket)
    unused.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      unused.delete(socket)
    })
  })
  fastify.server.on('request', ({ socket }) => unused.delete(socket))
  let isClosing = false
  // For `return503OnClosing: false`: Fastify's own answer is not a problem body.
  fastify.addHook('onRequest', async () => {
    if (isClosing) throw new ClosingError()
  })
  fastify.addHook('preClose', async () => {
    isClosing = true
    for (const socket of unused) socket.destroy()
    for (const socket of open) socket.setTimeout(stallTimeoutMs, () => socket.destroy())
  })
}

export default fp(connectionsPlugin, { name: 'connections', fastify: '5.x' })
