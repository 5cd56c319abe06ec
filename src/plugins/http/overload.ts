/**
 * Owns what becomes of more requests than the process and its database can serve. Few begin in one turn of the event
 * loop, so that probes, new connections and timers get theirs; those who send take turns, so that nobody waits for the
 * flood of another; what the database would not serve in time is refused before its token is checked and its body is
 * read; and refusals leave in a row, so that a client that ignores Retry-After takes no time from others.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** An onRequest hook, the first of routes that need the database: 503 FST_NEON_EXHAUSTED when too many wait for it. */
    refuseWhenOverloaded(): Promise<void>
  }
}

type Begin = () => void

// Node.js accepts one connection in each turn. A turn that begins a hundred requests takes as long as they do, and the
// next connection, a probe or a ping waits for its end.
const MOST_IN_A_TURN = 4
// While connections come, more of them wait to be accepted.
const MOST_WHILE_ACCEPTING = 1

/** What asks to come back later. */
const REFUSALS = [429, 503]
// The first ones leave at once, and then so many a second, which take a few per cent of a processor.
const BURST = 100
const PER_SECOND = 500
// Nobody waits longer for a refusal.
const LONGEST_MS = 2000

const GAP_MS = 1000 / PER_SECOND

/** To be registered behind what answers without it, such as the probes, and before what checks tokens. */
async function overloadPlugin(fastify: FastifyInstance) {
  let hasAccepted = false
  const begin = createTurns(mostInATurn)
  const untilRefusal = createRow()
  let isClosing = false

  fastify.server.on('connection', () => {
    hasAccepted = true
  })
  fastify.decorate('refuseWhenOverloaded', async () => fastify.db.$client.refuseWhenOverloaded())
  // By the token as it came, which nobody has checked yet: whoever invents many counts as many, and is told 401.
  fastify.addHook('onRequest', ({ headers }, _reply, done) => begin(headers.authorization, done))
  fastify.addHook('onSend', async (_request, { statusCode }) => {
    if (REFUSALS.includes(statusCode) && !isClosing) await untilRefusal()
  })
  fastify.addHook('preClose', async () => {
    isClosing = true
  })

  function mostInATurn() {
    const most = hasAccepted ? MOST_WHILE_ACCEPTING : MOST_IN_A_TURN
    hasAccepted = false
    return most
  }
}

/**
 * Begins at once, or in one of the next turns of the event loop, in which those who wait take turns by their key.
 * `mostInATurn` is called at the start of each.
 */
export function createTurns(mostInATurn: () => number): (key: string | undefined, begin: Begin) => void {
  /** In the order of their turns; none is empty. */
  const lanes = new Map<string | undefined, Begin[]>()
  let most = mostInATurn()
  let begun = 0

  return (key, begin) => {
    const lane = lanes.get(key)
    if (lane) lane.push(begin)
    else if (begun >= most) lanes.set(key, [begin])
    else start(begin)
  }

  function start(begin: Begin) {
    if (begun === 0) setImmediate(nextTurn)
    begun += 1
    begin()
  }

  function nextTurn() {
    begun = 0
    most = mostInATurn()
    // What is put back is met again in the same round.
    for (const [key, lane] of lanes) {
      const begin = lane.shift()
      lanes.delete(key)
      if (lane.length > 0) lanes.set(key, lane)
      if (begin) start(begin)
      if (begun === most) return
    }
  }
}

/** Resolves at once for a burst, and then for one after the other. */
export function createRow(now = () => performance.now(), pause: (ms: number) => Promise<unknown> = sleep) {
  let nextAtMs = 0

  return async () => {
    const atMs = now()
    nextAtMs = Math.min(Math.max(nextAtMs, atMs - BURST * GAP_MS) + GAP_MS, atMs + LONGEST_MS)
    if (nextAtMs > atMs) await pause(nextAtMs - atMs)
  }
}

export default fp(overloadPlugin, { name: 'overload', fastify: '5.x', dependencies: ['db'] })
