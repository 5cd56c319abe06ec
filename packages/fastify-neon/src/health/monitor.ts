/**
 * Holds what is known of the process, its databases and its checks, and what the probes answer from it. Everything that
 * it touches is passed in.
 */
import { type CheckChange, createChecks, type HealthCheck } from './checks.ts'
import type { HealthClock } from './clock.ts'
import type { DatabaseState, FailureReason } from './database.ts'
import {
  createDatabaseMonitor,
  type DatabaseMonitor,
  type DatabaseSource,
  type Mode
} from './database-monitor.ts'
import {
  createMigrationCheck,
  type MigrationChange,
  type MigrationReading,
  type MigrationState,
  NO_MIGRATIONS,
  type SchemaDoubt
} from './migrations.ts'
import type { ProbeCounts } from './probes.ts'
import { INITIAL_FACTS, nextFacts, type ProcessEvent, type ProcessState, processOf } from './process.ts'
import {
  type CheckState,
  type DatabaseInput,
  type DownPolicy,
  readinessOf,
  type Snapshot,
  type Watched
} from './snapshot.ts'
import { openConditionsOf, type StartupCondition } from './startup.ts'

export type Transition =
  | { subject: 'process'; from: ProcessState; to: ProcessState; reason?: string }
  | { subject: 'database'; name: string; from: DatabaseState; to: DatabaseState; reason?: FailureReason }
  | { subject: 'migrations'; from: MigrationState; to: MigrationState; pending: readonly string[] }
  | { subject: 'check'; name: string; from: CheckState; to: CheckState; error?: unknown }

export interface MonitorOptions {
  /** The first one, which is `database` and `pool` of the snapshot. */
  database: DatabaseSource
  mode: Mode
  /** Between questions of mode `interval`, in ms. */
  intervalMs: number
  policy: DownPolicy
  /** An answer is recent for so long, in ms. */
  idleAfterMs: number
  /** Whether the schema is the one that the code expects; never rejects. @default nobody expects one */
  checkMigrations?: (() => Promise<MigrationReading>) | undefined
  /** Must not throw. */
  onTransition: (transition: Transition) => void
  clock: HealthClock
  /** From 0 to below 1. */
  random: () => number
}

export interface Monitor {
  /** The first database. */
  readonly database: DatabaseMonitor
  /** Another one. */
  addDatabase(source: DatabaseSource): DatabaseMonitor
  /** All databases and checks are known: from now on the process can have started. */
  start(): void
  /** What is known now, with what has come to be by the mere passing of time. `exclude`: what does not count. */
  check(exclude?: ReadonlySet<string>): Snapshot
  /** Asks all databases now, each one question at a time and one a second at most. */
  probe(): Promise<void>
  maintain(isOn: boolean, reason?: string): void
  drain(): void
  readonly isDraining: boolean
  /** Whether the schema is still the one that is expected is looked at. */
  doubtSchema(cause: SchemaDoubt): void
  /** True when the database has lost what the code expects of it, until it is there again. */
  readonly isBehind: boolean
  addCheck(check: Required<HealthCheck>): void
  /** True for a name that a check or a database has. */
  has(name: string): boolean
  /** Questions asked so far, of all databases. */
  readonly probes: Readonly<ProbeCounts>
  /** For how long a pool has stood still without which the process is not ready, in ms; 0 when none has. */
  readonly wedgedForMs: number
  /** Ends timers and listeners; nothing is asked any more. */
  close(): void
}

export function createMonitor(options: MonitorOptions): Monitor {
  const { mode, policy, intervalMs, idleAfterMs, clock, random, onTransition } = options
  const checks = createChecks({
    clock,
    isIdle: name => databases.some(database => database.name === (name ?? first.name) && database.isIdle),
    onChange: changeCheck
  })
  const migrations = options.checkMigrations
    ? createMigrationCheck({ check: options.checkMigrations, onChange: changeMigrations, clock })
    : NO_MIGRATIONS
  let facts = INITIAL_FACTS
  let isComplete = false
  const first = watch(options.database)
  const databases = [first]

  return {
    database: first,
    addDatabase(source) {
      const database = watch(source)
      databases.push(database)
      return database
    },
    start() {
      isComplete = true
      look()
    },
    check: look,
    async probe() {
      await Promise.all(databases.map(database => database.probe()))
    },
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
    has: name => checks.has(name) || databases.some(database => database.name === name),
    get probes() {
      return {
        answered: sum(databases.map(({ probes }) => probes.answered)),
        failed: sum(databases.map(({ probes }) => probes.failed))
      }
    },
    get wedgedForMs() {
      return Math.max(0, ...databases.map(({ critical, wedgedForMs }) => (critical ? wedgedForMs : 0)))
    },
    close() {
      for (const database of databases) database.close()
      checks.close()
      migrations.close()
    }
  }

  function watch(source: DatabaseSource): DatabaseMonitor {
    return createDatabaseMonitor({
      ...source,
      mode,
      intervalMs,
      idleAfterMs,
      clock,
      random,
      onChange: change => onTransition({ subject: 'database', name: source.name, ...change }),
      onEvidence: passMigrationCheck
    })
  }

  function look(exclude: ReadonlySet<string> = new Set()): Snapshot {
    checks.refresh()
    const { critical, database, pool } = first.check()
    const others = databases.slice(1).map(({ name, check }): [string, Watched] => [name, check()])
    const watched = { [first.name]: { critical, database, pool }, ...Object.fromEntries(others) }
    passMigrationCheck()
    const process = processOf(facts)
    const results = checks.read()
    const readiness = readinessOf({
      process,
      databases: mode === 'off' ? [] : counted(watched, exclude),
      checks: Object.fromEntries(Object.entries(results).filter(([name]) => !exclude.has(name))),
      policy,
      isBehind: isBehind()
    })
    return {
      readiness,
      process,
      hasStarted: facts.hasStarted,
      ...(!facts.hasStarted && { waitingFor: openConditions() }),
      migrations: { state: migrations.reading.state, pending: migrations.reading.pending.length },
      database,
      pool,
      databases: watched,
      checks: results
    }
  }

  /** The first one is also called `database`, and its pool `pool`. */
  function counted(watched: Record<string, Watched>, exclude: ReadonlySet<string>): DatabaseInput[] {
    return Object.entries(watched).flatMap(([name, { critical, database, pool }]) => {
      const isFirst = name === first.name
      if (exclude.has(name) || (isFirst && exclude.has('database'))) return []
      const flow = isFirst && exclude.has('pool') ? 'free' : pool.flow
      return [{ state: database.state, flow, critical }]
    })
  }

  function passMigrationCheck() {
    if (facts.hasStarted) return
    if (isReached()) migrations.open()
    if (isComplete && openConditions().length === 0) change('started')
  }

  function change(event: ProcessEvent, reason?: string) {
    const from = processOf(facts)
    facts = nextFacts(facts, event)
    const to = processOf(facts)
    if (from !== to) onTransition({ subject: 'process', from, to, ...(reason !== undefined && { reason }) })
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
    return databases.every(({ critical, wasReached }) => !critical || wasReached)
  }

  function changeMigrations({ from, state: to, pending }: MigrationChange) {
    onTransition({ subject: 'migrations', from, to, pending })
    passMigrationCheck()
  }

  function changeCheck({ name, from, to, error }: CheckChange) {
    onTransition({ subject: 'check', name, from, to, ...(error !== undefined && { error }) })
    passMigrationCheck()
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
