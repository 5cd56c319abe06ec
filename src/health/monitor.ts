/**
 * Holds what is known of the process and the database, takes in the evidence, and asks by itself only
 * while the database is in doubt. Everything that it touches is passed in.
 */
import { type CheckChange, createChecks, type HealthCheck } from './checks.ts'
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
import {
  createMigrationGate,
  type MigrationChange,
  type MigrationReading,
  type MigrationState,
  NO_MIGRATIONS,
  type SchemaDoubt
} from './migrations.ts'
import { INITIAL_FACTS, nextFacts, type ProcessEvent, type ProcessState, processOf } from './process.ts'
import { createQuestions, type QuestionCounts } from './questions.ts'
import { recoveryPauseMs } from './recovery.ts'
import { type CheckState, type DownPolicy, readDatabase, readinessOf, type Snapshot } from './snapshot.ts'
import { openConditionsOf, type StartupCondition } from './startup.ts'

/** `passive`: by the evidence of traffic. `interval`: asks besides, in a rhythm. `off`: the database is none of the probes' business. */
export const MODES = ['passive', 'interval', 'off'] as const
export type Mode = (typeof MODES)[number]

export type Transition =
  | { subject: 'process'; from: ProcessState; to: ProcessState; reason?: string }
  | { subject: 'database'; from: DatabaseState; to: DatabaseState; reason?: FailureReason }
  | { subject: 'migrations'; from: MigrationState; to: MigrationState; pending: readonly string[] }
  | { subject: 'check'; name: string; from: CheckState; to: CheckState; error?: unknown }

export interface MonitorOptions {
  mode: Mode
  /** Between questions of mode `interval`, in ms. */
  intervalMs: number
  policy: DownPolicy
  /** An answer is recent for so long, in ms. */
  idleAfterMs: number
  /** Asks the database; settles in bounded time with why there was no answer. Never rejects. */
  ask: () => Promise<FailureReason | undefined>
  /** Whether the schema is the one that the code expects; never rejects. @default nobody expects one */
  lookAtMigrations?: (() => Promise<MigrationReading>) | undefined
  /** Calls back once when the next statement of the application is answered. */
  onNextAnswer: (listener: () => void) => () => void
  /** Since the database last answered the application, in ms; undefined when it never has. */
  answerAgeMs: () => number | undefined
  readPool: () => PoolReading
  /** Must not throw. */
  onTransition: (transition: Transition) => void
  clock: HealthClock
  /** From 0 to below 1. */
  random: () => number
}

/** What the pool has seen. `wanted`: somebody asked for the database, whatever came of it. */
export type PoolEvidence =
  | { type: 'answered' }
  | { type: 'closed' }
  | { type: 'wanted' }
  | { type: 'failed'; reason: FailureReason }

export interface Monitor {
  report(evidence: PoolEvidence): void
  /** What is known now, with what has come to be by the mere passing of time. `exclude`: checks that do not count. */
  look(exclude?: ReadonlySet<string>): Snapshot
  /** Asks the database now, one question at a time and one a second at most. */
  probe(): Promise<void>
  maintain(isOn: boolean, reason?: string): void
  drain(): void
  readonly isDraining: boolean
  /** Whether the schema is still the one that is expected is looked at. */
  doubtSchema(cause: SchemaDoubt): void
  /** True when the database has lost what the code expects of it, until it is there again. */
  readonly isBehind: boolean
  addCheck(check: Required<HealthCheck>): void
  hasCheck(name: string): boolean
  /** Questions asked so far. */
  readonly probes: Readonly<QuestionCounts>
  /** For how long the pool has stood still, in ms; 0 when it has not. */
  readonly wedgedForMs: number
  /** Ends timers and listeners; nothing is asked any more. */
  close(): void
}

export function createMonitor(options: MonitorOptions): Monitor {
  const { mode, policy, clock, answerAgeMs, readPool, onTransition } = options
  const questions = createQuestions({ ask: options.ask, onAnswer: takeAnswer, clock })
  const checks = createChecks({
    clock,
    isDatabaseIdle: () => database.state === 'idle',
    onChange: changeCheck
  })
  const migrations = options.lookAtMigrations
    ? createMigrationGate({ look: options.lookAtMigrations, onChange: changeMigrations, clock })
    : NO_MIGRATIONS
  let facts = INITIAL_FACTS
  let database: Database = UNKNOWN_DATABASE
  let wantedAtMs = clock.now()
  let wedgedAtMs = 0
  let stopListening = ignore

  return {
    report,
    look,
    probe: async () => (mode === 'off' ? undefined : questions.ask()),
    maintain(isOn, reason) {
      change(isOn ? 'maintenance-on' : 'maintenance-off', reason)
    },
    drain: () => change('drain'),
    get isDraining() {
      return facts.isDraining
    },
    doubtSchema: migrations.doubt,
    get isBehind() {
      return isBehind()
    },
    addCheck: checks.add,
    hasCheck: checks.has,
    probes: questions.counts,
    get wedgedForMs() {
      return database.state === 'wedged' ? clock.now() - wedgedAtMs : 0
    },
    close() {
      questions.close()
      checks.close()
      migrations.close()
      stopListening()
    }
  }

  function report(evidence: PoolEvidence) {
    const atMs = clock.now()
    if (evidence.type !== 'closed') wantedAtMs = atMs
    if (evidence.type === 'answered') apply({ ...evidence, atMs, source: 'traffic' })
    else if (evidence.type !== 'wanted') apply({ ...evidence, atMs })
  }

  function look(exclude: ReadonlySet<string> = new Set()): Snapshot {
    checks.refresh()
    const { blockedForMs, ...pool } = readPool()
    const flow = flowOf({ blockedForMs, ...pool })
    if (mode !== 'off') catchUp(flow === 'stuck')
    passGate()
    const process = processOf(facts)
    const results = checks.read()
    const readiness = readinessOf({
      process,
      database,
      flow: exclude.has('pool') ? 'free' : flow,
      checks: Object.fromEntries(Object.entries(results).filter(([name]) => !exclude.has(name))),
      policy,
      isBehind: isBehind(),
      isDatabaseIgnored: mode === 'off' || exclude.has('database')
    })
    return {
      readiness,
      process,
      hasStarted: facts.hasStarted,
      ...(!facts.hasStarted && { waitingFor: openConditions() }),
      migrations: { state: migrations.reading.state, pending: migrations.reading.pending.length },
      database: readDatabase(database, clock.now()),
      pool: { ...pool, flow },
      checks: results
    }
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
      onTransition({ subject: 'database', from, to, ...(reason !== undefined && { reason }) })
      if (from !== 'suspect') questions.begin()
      listen()
      plan()
    }
    passGate()
  }

  /** While the database is in doubt, the next answer to anybody ends the doubt. */
  function listen() {
    stopListening()
    const isInDoubt = database.state === 'suspect' || database.state === 'down'
    stopListening = isInDoubt ? options.onNextAnswer(() => report({ type: 'answered' })) : ignore
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

  function change(event: ProcessEvent, reason?: string) {
    const from = processOf(facts)
    facts = nextFacts(facts, event)
    const to = processOf(facts)
    if (from !== to) onTransition({ subject: 'process', from, to, ...(reason !== undefined && { reason }) })
  }

  function passGate() {
    if (facts.hasStarted) return
    if (isReached()) migrations.open()
    if (openConditions().length === 0) change('started')
  }

  function isBehind() {
    return facts.hasStarted && migrations.reading.state !== 'complete'
  }

  /** Of the startup gate. */
  function openConditions(): StartupCondition[] {
    return openConditionsOf({
      isReached: isReached(),
      migrations: migrations.reading.state,
      checks: checks.read()
    })
  }

  function isReached() {
    return mode === 'off' || database.wasReached
  }

  function changeMigrations({ from, state: to, pending }: MigrationChange) {
    onTransition({ subject: 'migrations', from, to, pending })
    passGate()
  }

  function changeCheck({ name, from, to, error }: CheckChange) {
    onTransition({ subject: 'check', name, from, to, ...(error !== undefined && { error }) })
    passGate()
  }
}

function ignore() {}
