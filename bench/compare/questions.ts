/**
 * What samples are found by: the name of each measure, and the words for its conditions.
 */
import type { Way } from './stage.ts'
import type { Work } from './works.ts'

export interface Conditions extends Way {
  work: Work
  atOnce: number
  max: number
  /** All processes share one processor. @default false */
  isPinned?: boolean
}

export const statements = {
  MEASURE: 'statements',
  describe: ({ work, atOnce, max, roundTripMs, tls, isPinned = false }: Conditions) =>
    `${work}, ${atOnce} at once, pool ${max}, ${roundTripMs} ms, ${tls ? 'TLS' : 'no TLS'}${isPinned ? ', one processor' : ''}`
}

export const burst = {
  MEASURE: 'burst',
  AT_ONCE: 100,
  CONNECTIONS: 10,
  describe: (roundTripMs: number) => `${burst.AT_ONCE} at once, pool ${burst.CONNECTIONS}, ${roundTripMs} ms`
}

export const connection = {
  MEASURE: 'connection',
  describe: (tls: boolean) => `first row, ${tls ? 'TLS' : 'no TLS'}`
}

export const floor = {
  MEASURE: 'floor',
  CONNECTIONS: [1, 10],
  describe: (connections: number) => `key, ${connections} at once on ${connections}`
} as const

export const http = {
  MEASURE: 'http',
  START_MEASURE: 'start',
  CONNECTIONS: 100,
  describe: (roundTripMs: number) => `GET /tasks, ${http.CONNECTIONS} connections, ${roundTripMs} ms`
}

export const memory = {
  MEASURE: 'memory',
  WAITING: 1000,
  CONNECTIONS: 20,
  CONDITIONS: '1000 waiting',
  IDLE_CONDITIONS: '20 idle connections'
}

export const promises = { MEASURE: 'promises', CONDITIONS: 'over wss' }

export const wake = { MEASURE: 'wake', CONDITIONS: 'first row from sleep' }
