/**
 * What is known of one database: takes in the evidence, and asks by itself only while the database is in doubt.
 */
import type { HealthClock } from './clock.ts'
import {
  type Database,
  type DatabaseState,
  type Evidence,
  type FailureReason,
  UNKNOWN_DATABASE,
  weigh
} from './database.ts'
import { flowOf, type PoolReading } from './flow.ts'
import { createProbes, type ProbeCounts } from './probes.ts'
import { recoveryPauseMs } from './recovery.ts'
import { readDatabase, type Watched } from './snapshot.ts'

/** `passive`: by the evidence of traffic. `interval`: asks besides, in a rhythm. `off`: the database is none of the probes' business. */
export const MODES = ['passive', 'interval', 'off'] as const
export type Mode = (typeof MODES)[number]

/** What the pool has seen. `wanted`: somebody asked for the database, whatever came of it. */
export type PoolEvidence =
  | { type: 'answered' }
  | { type: 'closed' }
  | { type: 'wanted' }
  | { type: 'failed'; reason: FailureReason }

export interface DatabaseSource {
  name: string
  /** The process is not ready without it. */
  critical: boolean
  /** Asks the database; settles in bounded time with why there was no answer. Never rejects. */
  probe: () => Promise<FailureReason | undefined>
  /** Calls back once when the next statement of the application is answered. */
  onNextResponse: (listener: () => void) => () => void
  /** Since the database last answered the application, in ms; undefined when it never has. */
  responseAgeMs: () => number | undefined
  readPool: () => PoolReading
}

export interface DatabaseChange {
  from: DatabaseState
  to: DatabaseState
  reason?: FailureReason
}

export interface DatabaseMonitorOptions extends DatabaseSource {
  mode: Mode
  /** Between questions of mode `interval`, in ms. */
  intervalMs: number
  /** An answer is recent for so long, in ms. */
  idleAfterMs: number
  /** Must not throw. */
  onChange: (change: DatabaseChange) => void
  /** Called behind each piece of evidence, whether it changed anything or not. */
  onEvidence: () => void
  clock: HealthClock
  /** From 0 to below 1. */
  random: () => number
}

export interface DatabaseMonitor {
  readonly name: string
  readonly critical: boolean
  report(evidence: PoolEvidence): void
  /** What is known now, with what has come to be by the mere passing of time. */
  check(): Watched
  /** Asks the database now, one question at a time and one a second at most. */
  probe(): Promise<void>
  readonly wasReached: boolean
  readonly isIdle: boolean
  /** Questions asked so far. */
  readonly probes: Readonly<ProbeCounts>
  /** For how long the pool has stood still, in ms; 0 when it has not. */
  readonly wedgedForMs: number
  /** Ends timers and listeners; nothing is asked any more. */
  close(): void
}

export function createDatabaseMonitor(options: DatabaseMonitorOptions): DatabaseMonitor {
  const { name, critical, mode, clock, responseAgeMs: answerAgeMs, readPool } = options
  const questions = createProbes({ probe: options.probe, onResult: takeAnswer, clock })
  let database: Database = UNKNOWN_DATABASE
  let wantedAtMs = clock.now()
  let wedgedAtMs = 0
  let stopListening = ignore

  return {
    name,
    critical,
    report,
    check() {
      const { blockedForMs, ...pool } = readPool()
      const flow = flowOf({ blockedForMs, ...pool })
      if (mode !== 'off') catchUp(flow === 'stuck')
      return { critical, database: readDatabase(database, clock.now()), pool: { ...pool, flow } }
    },
    probe: async () => (mode === 'off' ? undefined : questions.ask()),
    get wasReached() {
      return mode === 'off' || database.wasReached
    },
    get isIdle() {
      return database.state === 'idle'
    },
    probes: questions.counts,
    get wedgedForMs() {
      return database.state === 'wedged' ? clock.now() - wedgedAtMs : 0
    },
    close() {
      questions.close()
      stopListening()
    }
  }

  function report(evidence: PoolEvidence) {
    const atMs = clock.now()
    if (evidence.type !== 'closed') wantedAtMs = atMs
    if (evidence.type === 'answered') apply({ ...evidence, atMs, source: 'traffic' })
    else if (evidence.type !== 'wanted') apply({ ...evidence, atMs })
  }

  /** What no event tells: answers to statements, time in which there were none, and a pool that stands still. */
  function catchUp(isStuck: boolean) {
    const atMs = clock.now()
    const ageMs = answerAgeMs()
    if (ageMs !== undefined) noteTraffic(atMs - ageMs)
    apply({ type: isStuck ? 'stuck' : 'moved', atMs })
    const { answeredAtMs = atMs } = database
    if (atMs - answeredAtMs >= options.idleAfterMs) apply({ type: 'quiet', atMs })
  }

  function noteTraffic(atMs: number) {
    wantedAtMs = Math.max(wantedAtMs, atMs)
    const { answeredAtMs = Number.NEGATIVE_INFINITY, failedAtMs } = database
    if (atMs > Math.max(answeredAtMs, failedAtMs)) apply({ type: 'answered', atMs, source: 'traffic' })
  }

  /** What the application heard while the question was under way is newer than no answer to it. */
  function takeAnswer({ reason, askedAtMs }: { reason: FailureReason | undefined; askedAtMs: number }) {
    const atMs = clock.now()
    if (reason === undefined) apply({ type: 'answered', atMs, source: 'probe' })
    else if (!(database.answeredAtMs !== undefined && database.answeredAtMs >= askedAtMs))
      apply({ type: 'failed', atMs, reason })
    plan()
  }

  function apply(evidence: Evidence) {
    if (mode === 'off') return
    const from = database.state
    database = weigh(database, evidence)
    const { state: to, reason } = database
    if (to !== from) {
      if (to === 'wedged') wedgedAtMs = evidence.atMs
      options.onChange({ from, to, ...(reason !== undefined && { reason }) })
      if (from !== 'suspect') questions.begin()
      listen()
      plan()
    }
    options.onEvidence()
  }

  /** While the database is in doubt, the next answer to anybody ends the doubt. */
  function listen() {
    stopListening()
    const isInDoubt = database.state === 'suspect' || database.state === 'down'
    stopListening = isInDoubt ? options.onNextResponse(() => report({ type: 'answered' })) : ignore
  }

  function plan() {
    const recoveryMs = recoveryPauseMs({
      database,
      asked: questions.asked,
      quietForMs: clock.now() - wantedAtMs,
      random: options.random
    })
    const isInRhythm = mode === 'interval' && database.wasReached
    questions.plan(recoveryMs ?? (isInRhythm ? options.intervalMs : undefined))
  }
}

function ignore() {}
