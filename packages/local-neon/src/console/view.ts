/**
 * Owns what the console shows, whole but for what it has been told already.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Compute, ComputeState } from '../compute.ts'
import type { Fault } from '../faults/fault.ts'
import type { Faults } from '../faults/registry.ts'
import type { Meter, MeterReading } from '../meter.ts'
import type { History, PastEvent, Period } from './history.ts'
import { type Cost, costOf } from './prices.ts'
import type { ActiveSession } from './sessions.ts'

export interface ConsoleView {
  /** Another one after a restart, whose ids begin again. */
  boot: string
  /** All changes up to this one are in here. */
  lastId: number
  nowMs: number
  state: ComputeState
  /** Undefined where the compute is not awake or never sleeps by itself. */
  sleepsInMs?: number
  suspendAfterMs: number
  meter: MeterReading
  uptimeSeconds: number
  cost: Cost
  faults: FaultView[]
  /** Undefined where Postgres does not answer. */
  sessions?: ActiveSession[]
  periods: Period[]
  events: PastEvent[]
}

export interface FaultView {
  id: string
  hits: number
  fault: Fault
}

/** What the page has seen: `{ boot, after }` of the last view. */
export interface Seen {
  boot: string | null
  after: number
}

export interface ViewOptions {
  compute: Pick<Compute, 'state' | 'sleepsInMs'>
  suspendAfterMs: number
  meter: Pick<Meter, 'read'>
  faults: Pick<Faults, 'list'>
  listSessions: () => Promise<ActiveSession[] | undefined>
  history: History
  clock: Clock
}

export type ReadView = (seen: Seen, patience: AbortSignal) => Promise<ConsoleView>

const SECOND_MS = 1000

/** Answers when there is something new, or when the signal aborts. */
export function createView(options: ViewOptions): ReadView {
  const { compute, suspendAfterMs, meter, faults, listSessions, history, clock } = options
  const boot = randomUUID()
  const begunMs = clock.now()

  return async (seen, patience) => {
    const after = seen.boot === boot ? seen.after : 0
    await history.changedAfter(after, patience)
    const sessions = await listSessions()
    const uptimeSeconds = (clock.now() - begunMs) / SECOND_MS
    const reading = meter.read()
    const { state, sleepsInMs } = compute
    return {
      boot,
      lastId: history.lastId,
      nowMs: Date.now(),
      state,
      ...(sleepsInMs !== undefined && { sleepsInMs }),
      suspendAfterMs,
      meter: reading,
      uptimeSeconds,
      cost: costOf(reading.awakeSeconds, uptimeSeconds),
      faults: faults.list().map(({ id, hits, fault }) => ({ id, hits, fault })),
      ...(sessions && { sessions }),
      periods: history.periodsAfter(after),
      events: history.eventsAfter(after)
    }
  }
}
