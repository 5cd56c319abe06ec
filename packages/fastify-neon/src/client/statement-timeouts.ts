/**
 * The time limits of the pipelines on one connection, by one timer: to start and stop one for each costs as much as to write it.
 */
import type { Pipeline } from './pipeline.ts'

export interface StatementTimeouts {
  /** `onTimeout` is called `ms` after now unless the pipeline is over by then. */
  start(pipeline: Pipeline, ms: number): void
  /** Forgets those that are over, with their rows. */
  forgetOver(): void
  /** The connection has ended, and with it all pipelines. */
  stop(): void
}

interface Limited {
  pipeline: Pipeline
  endsAt: number
}

export function createStatementTimeouts(onTimeout: (pipeline: Pipeline) => void): StatementTimeouts {
  let limited: Limited[] = []
  /** When the timer fires; it does so too when all that it was started for is over. */
  let firesAt = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined

  return {
    start(pipeline, ms) {
      const endsAt = performance.now() + ms
      limited.push({ pipeline, endsAt })
      if (endsAt < firesAt) fireAt(endsAt, ms)
    },
    forgetOver() {
      while (limited[0]?.pipeline.isOver) limited.shift()
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
    const late = limited.filter(({ pipeline, endsAt }) => !pipeline.isOver && endsAt <= now)
    limited = limited.filter(({ pipeline, endsAt }) => !pipeline.isOver && endsAt > now)
    const next = limited.reduce((first, { endsAt }) => Math.min(first, endsAt), firesAt)
    if (limited.length > 0) fireAt(next, next - now)
    for (const { pipeline } of late) onTimeout(pipeline)
  }
}
