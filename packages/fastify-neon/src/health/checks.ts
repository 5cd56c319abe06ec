/**
 * The application's own checks: run in the background when a probe finds their result too old, one run
 * of each at a time, each with a limit of its own. Probes get the last result and never wait.
 */
import type { HealthClock } from './clock.ts'
import type { CheckResult, CheckState } from './snapshot.ts'

export interface HealthCheck {
  /** 1 to 64 letters, digits, `-` and `_`; the name for `?exclude=`. */
  name: string
  /** Resolves when all is well. An error that it throws is logged once, and is in no response. */
  check: (signal: AbortSignal) => unknown
  /** True: a failure makes `/readyz` `unavailable`. False: `degraded`. @default false */
  critical?: boolean
  /** Longest time of a run, in ms; then its signal aborts and the check has failed. @default 1000 */
  timeoutMs?: number
  /** How long a result is used, in ms. @default 10 000 */
  ttlMs?: number
  /** True, or the name of a database: the check asks that database, so it does not run while it is idle. @default false */
  wakes?: boolean | string
}

export interface CheckChange {
  name: string
  from: CheckState
  to: CheckState
  error?: unknown
}

export interface ChecksOptions {
  clock: HealthClock
  /** Without a name: the first database. */
  isIdle: (database?: string) => boolean
  onChange: (change: CheckChange) => void
}

export interface Checks {
  add(check: Required<HealthCheck>): void
  has(name: string): boolean
  /** Starts those whose result is too old. */
  refresh(): void
  read(): Record<string, CheckResult>
  /** Gives up what runs. */
  close(): void
}

interface Entry {
  check: Required<HealthCheck>
  state: CheckState
  /** When the last run ended. */
  checkedAtMs: number
  stop: AbortController | undefined
}

export function createChecks({ clock, isIdle, onChange }: ChecksOptions): Checks {
  const entries = new Map<string, Entry>()
  let isClosed = false

  return {
    add(check) {
      entries.set(check.name, {
        check,
        state: 'pending',
        checkedAtMs: Number.NEGATIVE_INFINITY,
        stop: undefined
      })
    },
    has: name => entries.has(name),
    refresh() {
      for (const entry of entries.values()) if (isDue(entry)) run(entry)
    },
    read() {
      return Object.fromEntries(
        [...entries].map(([name, { state, check }]) => [name, { state, critical: check.critical }])
      )
    },
    close() {
      isClosed = true
      for (const { stop } of entries.values()) stop?.abort()
    }
  }

  function isDue({ check, stop, checkedAtMs, state }: Entry) {
    if (isClosed || stop !== undefined || clock.now() - checkedAtMs < check.ttlMs) return false
    // Without a result there is nothing to go by.
    if (state === 'pending' || check.wakes === false) return true
    return !(check.wakes === true ? isIdle() : isIdle(check.wakes))
  }

  async function run(entry: Entry) {
    const { check, timeoutMs } = entry.check
    const stop = new AbortController()
    entry.stop = stop
    const stopTimer = clock.after(timeoutMs, () => {
      stop.abort()
      settle('timeout')
    })
    // What throws at once fails as what rejects does.
    await Promise.resolve(stop.signal)
      .then(check)
      .then(
        () => settle('ok'),
        (error: unknown) => settle('failed', error)
      )
    stopTimer()
    // Until here it ran, so that one that hangs is not started again beside itself.
    entry.stop = undefined

    function settle(to: CheckState, error?: unknown) {
      if (stop.signal.aborted && to !== 'timeout') return
      const from = entry.state
      entry.state = to
      entry.checkedAtMs = clock.now()
      if (from !== to) onChange({ name: entry.check.name, from, to, error })
    }
  }
}
