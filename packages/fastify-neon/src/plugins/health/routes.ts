/**
 * The probe routes: answered from memory, past every hook that is registered after them.
 */
import type { TSchema } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Monitor } from '../../health/monitor.ts'
import type { Snapshot } from '../../health/snapshot.ts'
import { addEarlyRoute, isHttp2 } from '../early-route.ts'
import { createAccess } from '../operator-access.ts'
import { describe, readWish, type Wish } from './detail.ts'
import type { ResolvedHealthOptions } from './options.ts'
import { type Detail, HEALTH_RESPONSES } from './schemas.ts'

export interface HealthRoutesOptions {
  monitor: Monitor
  health: ResolvedHealthOptions
}

interface Answer {
  isFine: boolean
  status: 'ok' | 'degraded' | 'unavailable'
}

interface ProbeRoute {
  path: string
  response: Record<number, TSchema>
  judge: (snapshot: Snapshot) => Answer
}

/** Registered without fastify-plugin: the hooks are for these routes alone. */
export default async function healthRoutes(
  fastify: FastifyInstance,
  { monitor, health }: HealthRoutesOptions
) {
  const { livePath, readyPath, startupPath, prefix, restartWhenWedgedMs } = health
  const isAllowed = createAccess(health)

  await add({
    path: livePath,
    response: HEALTH_RESPONSES.live,
    judge: () => gate(restartWhenWedgedMs === 0 || monitor.wedgedForMs < restartWhenWedgedMs)
  })
  await add({
    path: readyPath,
    response: HEALTH_RESPONSES.ready,
    judge: ({ readiness }) => ({ isFine: readiness !== 'unavailable', status: readiness })
  })
  await add({
    path: startupPath,
    response: HEALTH_RESPONSES.startup,
    judge: ({ hasStarted }) => gate(hasStarted)
  })

  async function add({ path, response, judge }: ProbeRoute) {
    await addEarlyRoute(fastify, { path: `${prefix}${path}`, schema: { response }, answer })

    async function answer(request: FastifyRequest, reply: FastifyReply) {
      const wish = readWish(request)
      if (wish === undefined) send(reply, monitor.check())
      else await answerInDetail(request, reply, wish)
    }

    /** Who may not gets what everybody gets, since a probe must not fail for a wrong token. */
    async function answerInDetail(request: FastifyRequest, reply: FastifyReply, wish: Wish) {
      if (!(await isAllowed(request))) return send(reply, monitor.check())
      if (wish.probe) await monitor.probe()
      const snapshot = monitor.check(wish.exclude)
      send(reply, snapshot, wish.verbose ? describe(snapshot, wish.exclude) : undefined)
    }

    function send({ raw, request }: FastifyReply, snapshot: Snapshot, detail?: Detail) {
      const { isFine, status } = judge(snapshot)
      const body = JSON.stringify({ status, ...(detail && { detail }) })
      raw.writeHead(isFine ? 200 : 503, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        // So that the client connects elsewhere the next time.
        ...(snapshot.process === 'draining' && !isHttp2(request) && { connection: 'close' })
      })
      raw.end(body)
    }
  }
}

function gate(isFine: boolean): Answer {
  return { isFine, status: isFine ? 'ok' : 'unavailable' }
}
