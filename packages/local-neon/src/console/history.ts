/**
 * Owns what the console can look back at: the states of the compute in the last hour, and the last events.
 */
import { EventEmitter, once } from 'node:events'
import type { ComputeState } from '../compute.ts'
import { type LocalNeonEvent, wordsFor } from '../events.ts'
import { ignore } from '../failure.ts'

/** A state of the compute, which lasts until the next one begins. */
export interface Period {
  id: number
  atMs: number
  state: ComputeState
}

export interface PastEvent {
  id: number
  atMs: number
  label: string
  text: string
}

export interface History {
  /** Counts every change; what came later than a change has a larger id. */
  readonly lastId: number
  onState(state: ComputeState): void
  onEvent(event: LocalNeonEvent): void
  /** Something else has changed that the console shows. */
  touch(): void
  periodsAfter(id: number): Period[]
  eventsAfter(id: number): PastEvent[]
  /** Resolves when there is a change after this one, or when the signal aborts. */
  changedAfter(id: number, signal: AbortSignal): Promise<void>
}

export const KEPT_MS = 60 * 60 * 1000
/** A compute can flap a hundred times a minute, and a client log in a thousand times a second. */
export const MAX_PERIODS = 2000
export const MAX_EVENTS = 500

export function createHistory(now: () => number = Date.now): History {
  const periods: Period[] = []
  const events: PastEvent[] = []
  // One listener for each page that waits.
  const changes = new EventEmitter().setMaxListeners(0)
  let lastId = 0

  return {
    get lastId() {
      return lastId
    },
    onState(state) {
      periods.push({ id: next(), atMs: now(), state })
      if (periods.length > MAX_PERIODS) periods.shift()
      touch()
    },
    onEvent(event) {
      const [label, text] = wordsFor(event)
      events.push({ id: next(), atMs: now(), label, text })
      if (events.length > MAX_EVENTS) events.shift()
      touch()
    },
    touch,
    periodsAfter(id) {
      forgetOldPeriods()
      return periods.filter(period => period.id > id)
    },
    eventsAfter: id => events.filter(event => event.id > id),
    async changedAfter(id, signal) {
      if (lastId <= id) await once(changes, 'change', { signal }).catch(ignore)
    }
  }

  function next(): number {
    lastId += 1
    return lastId
  }

  function touch(): void {
    next()
    changes.emit('change')
  }

  /** The one that reaches into the last hour stays. */
  function forgetOldPeriods(): void {
    const beginMs = now() - KEPT_MS
    while (periods[1] !== undefined && periods[1].atMs <= beginMs) periods.shift()
  }
}
