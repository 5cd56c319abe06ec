/**
 * Owns the list of what a local Neon tells about: for a person who follows it, and for a test
 * that holds it against the meter.
 */
import type { SuspendReason } from './compute.ts'
import type { FaultType } from './faults/fault.ts'

export interface LoginFacts {
  transport: 'ws' | 'tcp'
  endpoint: string
  isPooled: boolean
  user: string
  database: string
  applicationName: string
}

export type LocalNeonEvent =
  /** Postgres has taken a session. */
  | ({ type: 'login'; processId: number } & LoginFacts)
  /** A login ended with an error; the message is what the client got. */
  | { type: 'login-refused'; message: string }
  /** Said once, where there is no PgBouncer: how a pooled host differs from Neon's. */
  | { type: 'pooling-not-emulated' }
  | { type: 'suspend'; reason: SuspendReason }
  | { type: 'wake'; tookMs: number }
  /** Postgres did not start, or a fault kept it from that; who waits is refused. */
  | { type: 'wake-failed'; message: string }
  /** A fault has met somebody; `hits` counts this one in. */
  | { type: 'fault'; fault: FaultType; id: string; hits: number }

export type LocalNeonListener = (event: LocalNeonEvent) => void

const LABEL_WIDTH = 11

/** One line for a person. */
export function describeEvent(event: LocalNeonEvent): string {
  const [label, text] = wordsFor(event)
  return `${label.padEnd(LABEL_WIDTH)}${text}`
}

/** What has happened in a word or two, and the rest. */
export function wordsFor(event: LocalNeonEvent): [label: string, text: string] {
  switch (event.type) {
    case 'login':
      return [
        'login',
        `${event.user} to ${event.database} over ${event.transport}${event.isPooled ? ', pooled' : ''}`
      ]
    case 'login-refused':
      return ['refused', event.message]
    case 'pooling-not-emulated':
      return [
        'note',
        'a pooled host has a session for each client here: there is no PgBouncer on this machine'
      ]
    case 'suspend':
      return ['suspend', event.reason === 'idle' ? 'idle for long enough' : 'asked to']
    case 'wake':
      return ['wake', `after ${Math.round(event.tookMs)} ms`]
    case 'wake-failed':
      return ['no wake', event.message]
    case 'fault':
      return ['fault', `${event.fault} ${event.id}, hit ${event.hits}`]
  }
}
