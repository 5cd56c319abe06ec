/**
 * A monitor on a clock that stands still, with a database whose answers the test gives.
 */
import type { Test } from 'tap'
import type { FailureReason } from '../../src/health/database.ts'
import { createMonitor, type MonitorOptions, type Transition } from '../../src/health/monitor.ts'
import { createManualClock } from '../neon/manual-clock.ts'

export function openMonitor(t: Test, options: Partial<MonitorOptions> = {}) {
  const clock = createManualClock()
  const pool = { total: 1, idle: 1, held: 0, waiting: 0, max: 10, blockedForMs: 0 }
  const listeners = new Set<() => void>()
  const transitions: Transition[] = []
  const asked: number[] = []
  const database: { answer: FailureReason | undefined; answeredAtMs?: number } = { answer: undefined }
  const monitor = createMonitor({
    mode: 'passive',
    intervalMs: 30_000,
    policy: 'fail-open',
    idleAfterMs: 60_000,
    ask: async () => {
      asked.push(clock.now())
      return database.answer
    },
    onNextAnswer(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    answerAgeMs: () =>
      database.answeredAtMs === undefined ? undefined : clock.now() - database.answeredAtMs,
    readPool: () => pool,
    onTransition: transition => transitions.push(transition),
    clock,
    // Pauses are whole.
    random: () => 1 - Number.EPSILON,
    ...options
  })
  t.teardown(() => monitor.close())

  return {
    monitor,
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
