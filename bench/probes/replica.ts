/**
 * What each contestant is told and answers, and how long its times are on the clock of the run.
 */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface ReplicaSettings {
  url: string
  factor: number
  /** Rhythm of the probes, which is the one of checks with a timer of their own as well. */
  everySeconds: number
}

export interface Replica {
  port: number
  close(): Promise<void>
}

/** Of every contestant's pool: the defaults of fastify-neon. */
export const POOL_MAX = 10
const POOL_IDLE_SECONDS = 60

/** What is that long on the clock of the run, in ms of this machine. */
export function scaledMs(seconds: number, factor: number): number {
  return Math.max(1, Math.round((seconds * 1000) / factor))
}

export function idleTimeoutMs(factor: number): number {
  return scaledMs(POOL_IDLE_SECONDS, factor)
}

export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return portOf(app.server.address())
}

export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')
  return address.port
}
