/**
 * Whether the database has the schema that the code expects: looked at when the database is first
 * reached, and again while it has not. Once it has, it is looked at only when there is a doubt.
 */
import type { HealthClock } from './clock.ts'

/**
 * `unknown`: not looked at yet, or the database did not answer. `pending`: some are not applied.
 * `unreadable`: the ledger cannot be read, as without the right to; after it has been read once, only while the role has
 * no right to any of the tables either. `complete`: all are applied.
 * `schema-missing`: the ledger has all, and tables of theirs are not there. `behind`: all were applied, and some are
 * not any more, as after the branch was reset or restored.
 */
export const MIGRATION_STATES = [
  'unknown',
  'pending',
  'unreadable',
  'complete',
  'schema-missing',
  'behind'
] as const
export type MigrationState = (typeof MIGRATION_STATES)[number]

export interface MigrationReading {
  state: MigrationState
  /** Names of those that are not applied. */
  pending: readonly string[]
}

export interface MigrationChange extends MigrationReading {
  from: MigrationState
}

/**
 * `changed`: what a statement names cannot be used, or connections were ended and another one was made. `unwatched`: the
 * first connection of a pool that had none, which nothing would have told of a restart. `in-use`: somebody has a
 * connection; a doubt only when the last look had no answer.
 */
export type SchemaDoubt = 'changed' | 'unwatched' | 'in-use'

export interface MigrationCheckOptions {
  /** Asks the database; settles in bounded time. Never rejects. */
  check: () => Promise<MigrationReading>
  onChange: (change: MigrationChange) => void
  clock: HealthClock
}

export interface MigrationCheck {
  /** The database is there: looks, unless it has been done before. */
  open(): void
  /** Looks again, once a second at most. */
  doubt(cause: SchemaDoubt): void
  readonly reading: MigrationReading
  /** Looks no more. */
  close(): void
}

// A request that has just connected, or failed, has given its connection back by then: the look takes it.
const GIVE_BACK_MS = 100
// Every request of a service without its tables has a doubt.
const LEAST_BETWEEN_MS = 1000
// So that a process is ready within a second of the end of the migration.
const PAUSE_MS = 500
// Then nobody is at work on it any more, and a compute of Neon falls asleep between two looks.
export const EAGER_MS = 600_000
export const QUIET_PAUSE_MS = 600_000

export function createMigrationCheck({
  check: look,
  onChange,
  clock
}: MigrationCheckOptions): MigrationCheck {
  let reading: MigrationReading = { state: 'unknown', pending: [] }
  let isOpen = false
  let isClosed = false
  let isLooking = false
  let isInDoubt = false
  /** The last look had no answer. The next waits for somebody who uses the database: a timer would wake it. */
  let isOwed = false
  let wasComplete = false
  let lookedAtMs = Number.NEGATIVE_INFINITY
  let nextAtMs = Number.POSITIVE_INFINITY
  let stopTimer = ignore

  return {
    open() {
      if (isOpen) return
      isOpen = true
      // When whoever made the first connection has given it back, so that it is not a second one.
      plan(0, clock.now())
    },
    doubt(cause) {
      // A connection that a look makes and uses says nothing that the look does not find.
      if (isLooking) isInDoubt ||= cause === 'changed'
      else if (cause !== 'in-use' || isOwed) planDoubt()
    },
    get reading() {
      return reading
    },
    close() {
      isClosed = true
      stopTimer()
    }
  }

  function planDoubt() {
    const atMs = clock.now()
    if (isOpen) plan(Math.max(GIVE_BACK_MS, lookedAtMs + LEAST_BETWEEN_MS - atMs), atMs)
  }

  /** Unless something is planned that comes before. */
  function plan(pauseMs: number, sinceMs: number) {
    const atMs = clock.now() + pauseMs
    if (isClosed || atMs >= nextAtMs) return
    stopTimer()
    nextAtMs = atMs
    stopTimer = clock.after(pauseMs, () => lookAgain(sinceMs))
  }

  async function lookAgain(sinceMs: number) {
    nextAtMs = Number.POSITIVE_INFINITY
    isLooking = true
    isInDoubt = false
    const next = await look()
    isLooking = false
    isOwed = next.state === 'unknown'
    take(next)
    lookedAtMs = clock.now()
    const isEager = clock.now() - sinceMs < EAGER_MS
    if (reading.state !== 'complete') plan(isEager ? PAUSE_MS : QUIET_PAUSE_MS, sinceMs)
    else if (isInDoubt) plan(LEAST_BETWEEN_MS, clock.now())
  }

  function take(next: MigrationReading) {
    const { state: from } = reading
    // No answer says nothing against the last one.
    if (isClosed || next.state === 'unknown') return
    wasComplete ||= next.state === 'complete'
    const state = wasComplete && next.state === 'pending' ? 'behind' : next.state
    reading = { ...next, state }
    if (state !== from) onChange({ ...reading, from })
  }
}

/** For a process that expects no migrations. */
export const NO_MIGRATIONS: MigrationCheck = {
  open: ignore,
  doubt: ignore,
  reading: { state: 'complete', pending: [] },
  close: ignore
}

function ignore() {}
