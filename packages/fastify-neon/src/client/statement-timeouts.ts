/**
 * The time limits of the statements on one connection, by one timer: to start and stop one for each costs as much as to write it.
 */
interface Statement {
  /** Answered, failed, or given up. */
  isOver: boolean
}

export interface StatementTimeouts<S extends Statement> {
  /** `onTimeout` is called `ms` after now unless the statement is over by then. */
  start(statement: S, ms: number): void
  /** Forgets those that are over, with their rows. */
  forgetOver(): void
  /** The connection has ended, and with it all statements. */
  stop(): void
}

interface Limited<S> {
  statement: S
  endsAt: number
}

export function createStatementTimeouts<S extends Statement>(
  onTimeout: (statement: S) => void
): StatementTimeouts<S> {
  let limited: Limited<S>[] = []
  /** When the timer fires; it does so too when all that it was started for is over. */
  let firesAt = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined

  return {
    start(statement, ms) {
      const endsAt = performance.now() + ms
      limited.push({ statement, endsAt })
      if (endsAt < firesAt) fireAt(endsAt, ms)
    },
    forgetOver() {
      while (limited[0]?.statement.isOver) limited.shift()
    },
    stop() {
      limited = []
      clearTimeout(timer)
    }
  }

  function fireAt(at: number, ms: number) {
    clearTimeout(timer)
    firesAt = at
    timer = setTimeout(fire, Math.ceil(ms)).unref()
  }

  function fire() {
    firesAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    const late = limited.filter(({ statement, endsAt }) => !statement.isOver && endsAt <= now)
    limited = limited.filter(({ statement, endsAt }) => !statement.isOver && endsAt > now)
    const next = limited.reduce((first, { endsAt }) => Math.min(first, endsAt), firesAt)
    if (limited.length > 0) fireAt(next, next - now)
    for (const { statement } of late) onTimeout(statement)
  }
}
