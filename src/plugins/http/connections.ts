/**
 * Owns the end of connections: of a client that does not read its answer and, when the server closes, of all. Who has
 * connected, or sent a request, before that is answered; then connections without a request go at once, and those that
 * stall in the middle of one within a limit.
 */
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ClosingError } from '../../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * An onRequest hook, for `return503OnClosing: false`, since Fastify's own answer is not a problem body. To be added
     * behind what is answered to the end, such as the probes.
     */
    refuseWhenClosing(): Promise<void>
  }
}

export interface ConnectionsOptions {
  /** Longest silence of a request that is under way while the server closes, in ms. */
  stallTimeoutMs: number
  /** From the start of the close, open connections may send one more request for so long, in ms: what is on its way arrives. */
  lingerMs: number
}

// What waits to be accepted: the default of Node.js, and the one more that Linux takes.
const BACKLOG = 512
// Time for several turns of the event loop, each of which accepts one of those.
const TICK_MS = 10

async function connectionsPlugin(fastify: FastifyInstance, { stallTimeoutMs, lingerMs }: ConnectionsOptions) {
  const open = new Set<Socket>()
  // A browser and a load balancer open connections ahead of need. Node.js neither
  // counts them as idle nor looks at their timeouts any more once it closes.
  const unused = new Set<Socket>()
  let accepted = 0
  let isClosing = false

  fastify.server.on('connection', socket => {
    accepted += 1
    open.add(socket)
    unused.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      unused.delete(socket)
    })
  })
  fastify.server.on('request', ({ socket }) => unused.delete(socket))
  // Node.js gives a client that does not read a second time, since it may have read in the first one: both are
  // `connectionTimeout` together.
  fastify.addHook('onSend', async (_request, { raw }) => {
    // That of an injected request has no clock; while the server closes they all have the shorter one.
    if (!isClosing) raw.socket?.setTimeout?.(fastify.server.timeout / 2)
  })
  fastify.decorate('refuseWhenClosing', async () => {
    if (isClosing) throw new ClosingError()
  })
  fastify.addHook('preClose', async () => {
    isClosing = true
    if (fastify.server.listening) await answerRest()
    for (const socket of unused) socket.destroy()
    for (const socket of open) socket.setTimeout(stallTimeoutMs, () => socket.destroy())
  })

  /** Whoever is still in the backlog when the listener closes, or sends into a socket that closes, is reset. */
  async function answerRest() {
    const lingersUntil = performance.now() + lingerMs
    // First come, first served: those behind it have connected after the close had begun.
    const last = accepted + BACKLOG
    let before: number
    do {
      before = accepted
      await sleep(TICK_MS)
    } while ((accepted > before && accepted < last) || (open.size > 0 && performance.now() < lingersUntil))
  }
}

export default fp(connectionsPlugin, { name: 'connections', fastify: '5.x' })
