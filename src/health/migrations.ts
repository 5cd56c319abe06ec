/**
 * Whether the database has the schema that the code expects: looked at when the database is first
 * reached, and again while it has not. Once it has, nobody asks any more.
 */
import type { HealthClock } from './clock.ts'

/**
 * `unknown`: not looked at yet, or the database did not answer. `pending`: some are not applied.
 * `unreadable`: the ledger cannot be read, as without the right to. `complete`: all are applied.
 */
export const MIGRATION_STATES = ['unknown', 'pending', 'unreadable', 'complete'] as const
export type MigrationState = (typeof MIGRATION_STATES)[number]

export interface MigrationReading {
  state: MigrationState
  /** Names of those that are not applied. */
  pending: readonly string[]
}

export interface MigrationChange extends MigrationReading {
  from: MigrationState
}

export interface MigrationGateOptions {
  /** Asks the database; settles in bounded time. Never rejects. */
  look: () => Promise<MigrationReading>
  onChange: (change: MigrationChange) => void
  clock: HealthClock
}

export interface MigrationGate {
  /** The database is there: looks, unless it has been done before. */
  open(): void
  readonly reading: MigrationReading
  /** Looks no more. */
  close(): void
}

// So that a process is ready within a second of the end of the migration.
const PAUSE_MS = 500
// Then nobody is at work on it any more, and a compute of Neon falls asleep between two looks.
export const EAGER_MS = 600_000
export const QUIET_PAUSE_MS = 600_000

export function createMigrationGate({ look, onChange, clock }: MigrationGateOptions): MigrationGate {
  let reading: MigrationReading = { state: 'unknown', pending: [] }
  let isOpen = false
  let isClosed = false
  let stopTimer = ignore

  return {
    open() {
      if (isOpen) return
      isOpen = true
      const sinceMs = clock.now()
      // When whoever made the first connection has given it back, so that it is not a second one.
      stopTimer = clock.after(0, () => lookAgain(sinceMs))
    },
    get reading() {
      return reading
    },
    close() {
      isClosed = true
      stopTimer()
    }
  }

  async function lookAgain(sinceMs: number) {
    take(await look())
    if (isClosed || reading.state === 'complete') return
    const isEager = clock.now() - sinceMs < EAGER_MS
    stopTimer = clock.after(isEager ? PAUSE_MS : QUIET_PAUSE_MS, () => lookAgain(sinceMs))
  }

  function take(next: MigrationReading) {
    const { state: from } = reading
    // No answer says nothing against the last one.
    if (isClosed || next.state === 'unknown') return
    reading = next
    if (next.state !== from) onChange({ ...next, from })
  }
}

/** For a process that expects no migrations. */
export const NO_MIGRATIONS: MigrationGate = {
  open: ignore,
  reading: { state: 'complete', pending: [] },
  close: ignore
}

function ignore() {}
