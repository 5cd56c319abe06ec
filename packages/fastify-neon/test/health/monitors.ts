/**
 * A monitor on a clock that stands still, with a database whose answers the test gives.
 */
import type { Test } from 'tap'
import type { FailureReason } from '../../src/health/database.ts'
import type { DatabaseSource } from '../../src/health/database-monitor.ts'
import { createMonitor, type MonitorOptions, type Transition } from '../../src/health/monitor.ts'
import { createManualClock } from '../support/manual-clock.ts'

/** `probe` is that of the first database. */
export function openMonitor(
  t: Test,
  { probe, ...options }: Partial<MonitorOptions & Pick<DatabaseSource, 'probe'>> = {}
) {
  const clock = createManualClock()
  const pool = { total: 1, idle: 1, checkedOut: 0, waiting: 0, max: 10, blockedForMs: 0 }
  const listeners = new Set<() => void>()
  const transitions: Transition[] = []
  const asked: number[] = []
  const database: { answer: FailureReason | undefined; answeredAtMs?: number } = { answer: undefined }
  const source: DatabaseSource = {
    name: 'db',
    critical: true,
    async probe() {
      asked.push(clock.now())
      return database.answer
    },
    onNextResponse(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    responseAgeMs: () =>
      database.answeredAtMs === undefined ? undefined : clock.now() - database.answeredAtMs,
    readPool: () => pool,
    ...(probe && { probe })
  }
  const created = createMonitor({
    database: source,
    mode: 'passive',
    intervalMs: 30_000,
    policy: 'fail-open',
    idleAfterMs: 60_000,
    onTransition: transition => transitions.push(transition),
    clock,
    // Pauses are whole.
    random: () => 1 - Number.EPSILON,
    ...options
  })
  const monitor = Object.assign(created, { report: created.database.report })
  t.teardown(() => monitor.close())
  monitor.start()

  return {
    monitor,
    source,
    clock,
    pool,
    database,
    transitions,
    /** When each question was asked. */
    asked,
    /** A statement of the application is answered. */
    answer() {
      database.answeredAtMs = clock.now()
      const told = [...listeners]
      listeners.clear()
      for (const listener of told) listener()
    },
    fail: (reason: FailureReason = 'unreachable') => monitor.report({ type: 'failed', reason }),
    listening: () => listeners.size,
    path: (subject: Transition['subject']) =>
      transitions.filter(transition => transition.subject === subject).map(({ to }) => to)
  }
}
