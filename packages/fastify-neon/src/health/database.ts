/**
 * The database as the evidence shows it: a table of states and events, and the few numbers that turn
 * what was seen into an event. Time is passed in.
 */

/**
 * `unknown`: never answered so far. `up`: the last evidence is an answer, and it is recent. `idle`: the
 * last evidence is an answer, and nobody has asked since; not verified, and not to be. `suspect`: the
 * last evidence is a failure. `down`: it has failed again and again, and for some time. `wedged`: it may
 * be there, and no client of the pool comes back from those who have them.
 */
export const DATABASE_STATES = ['unknown', 'up', 'idle', 'suspect', 'down', 'wedged'] as const
export type DatabaseState = (typeof DATABASE_STATES)[number]

/**
 * `answered`: a login, a result, or an error of its own. `failed`: no connection, a lost one, or no
 * answer. `failed-long`: the failure that makes three in a row over five seconds. `quiet`: no answer was
 * asked for in a while. `closed`: the other end closed connections that nobody used. `stuck` and
 * `moved`: the pool stands still, and no longer does.
 */
export const DATABASE_EVENTS = [
  'answered',
  'failed',
  'failed-long',
  'quiet',
  'closed',
  'stuck',
  'moved'
] as const
export type DatabaseEvent = (typeof DATABASE_EVENTS)[number]

/** What is not in a row changes nothing. */
const MOVES: Record<DatabaseState, Partial<Record<DatabaseEvent, DatabaseState>>> = {
  unknown: { answered: 'up' },
  up: { failed: 'suspect', 'failed-long': 'down', quiet: 'idle', closed: 'idle', stuck: 'wedged' },
  idle: { answered: 'up', failed: 'suspect', 'failed-long': 'down', stuck: 'wedged' },
  suspect: { answered: 'up', 'failed-long': 'down' },
  down: { answered: 'up' },
  // Whatever else answers or fails: who waits for a client gets none.
  wedged: { moved: 'suspect' }
}

export function nextDatabaseState(state: DatabaseState, event: DatabaseEvent): DatabaseState {
  return MOVES[state][event] ?? state
}

/** Why the last evidence is a failure. */
export const FAILURE_REASONS = ['unreachable', 'refused', 'waking', 'tooManyConnections', 'silent'] as const
export type FailureReason = (typeof FAILURE_REASONS)[number]

/** Whose question was answered: the application's, or the probe's own. */
export type EvidenceSource = 'traffic' | 'probe'

export type Evidence =
  | { type: 'answered'; atMs: number; source: EvidenceSource }
  | { type: 'failed'; atMs: number; reason: FailureReason }
  | { type: 'quiet' | 'closed' | 'stuck' | 'moved'; atMs: number }

export interface Database {
  readonly state: DatabaseState
  /** Latched. */
  readonly wasReached: boolean
  /** In a row, those side by side counted once. */
  readonly failures: number
  readonly failingSinceMs: number
  readonly failedAtMs: number
  /** Of the last failure, while no answer has followed. */
  readonly reason: FailureReason | undefined
  readonly answeredAtMs: number | undefined
  readonly answerSource: EvidenceSource | undefined
}

export const UNKNOWN_DATABASE: Database = {
  state: 'unknown',
  wasReached: false,
  failures: 0,
  failingSinceMs: 0,
  failedAtMs: Number.NEGATIVE_INFINITY,
  reason: undefined,
  answeredAtMs: undefined,
  answerSource: undefined
}

// A wake or one lost connection is over in less, and one caller's bad luck is not an outage.
export const DOWN_AFTER_FAILURES = 3
export const DOWN_AFTER_MS = 5000

// Callers that wait for the same connection fail together: that is one failure.
const SAME_FAILURE_MS = 500

export function weigh(database: Database, evidence: Evidence): Database {
  switch (evidence.type) {
    case 'answered':
      return {
        ...UNKNOWN_DATABASE,
        state: nextDatabaseState(database.state, 'answered'),
        wasReached: true,
        answeredAtMs: evidence.atMs,
        answerSource: evidence.source
      }
    case 'failed':
      return weighFailure(database, evidence.atMs, evidence.reason)
    default:
      return { ...database, state: nextDatabaseState(database.state, evidence.type) }
  }
}

function weighFailure(database: Database, atMs: number, reason: FailureReason): Database {
  const isSame = atMs - database.failedAtMs < SAME_FAILURE_MS
  const failures = isSame ? database.failures : database.failures + 1
  const failingSinceMs = database.failures === 0 ? atMs : database.failingSinceMs
  const isLong = failures >= DOWN_AFTER_FAILURES && atMs - failingSinceMs >= DOWN_AFTER_MS
  return {
    ...database,
    state: nextDatabaseState(database.state, isLong ? 'failed-long' : 'failed'),
    failures,
    failingSinceMs,
    failedAtMs: isSame ? database.failedAtMs : atMs,
    reason
  }
}
