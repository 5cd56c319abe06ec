/**
 * What a pool has learnt of the statements that it runs: how often each is used, and which of them write.
 */
import { sessionChangeOf } from '../client/session-change.ts'
import { isQuery } from '../runtime/statement-text.ts'

export interface CachedStatement {
  /** It was run often enough to be worth the preparing. */
  isFrequent: boolean
  /** Most likely it only reads. */
  isQuery: boolean
  /** Others are not to wait behind it. */
  isSlow: boolean
  /** It leaves something on its session. */
  changesSession: boolean
}

interface Entry extends CachedStatement {
  runs: number
}

export interface StatementCache {
  /** What is known of it before it is run. */
  of(text: string): CachedStatement
  /** Counts a run. */
  noteRun(text: string): CachedStatement
  /** The server has refused it where nothing may be written. */
  noteWriter(text: string): void
  /** How it was when it was run last. */
  noteSpeed(text: string, isSlow: boolean): void
}

export interface StatementCacheOptions {
  /** Runs that make a statement a frequent one. @default 3 */
  runsForFrequent?: number
  /** Statements that are remembered at most; at least half as many, those that were used last. @default 500 */
  most?: number
}

// The memory of all of them together stays below 5 MB.
const LONGEST_TEXT = 10_000
const RUNS_FOR_FREQUENT = 3
const MOST = 500

export function createStatementCache({
  runsForFrequent = RUNS_FOR_FREQUENT,
  most = MOST
}: StatementCacheOptions = {}): StatementCache {
  // Two halves: what is used of the older one moves to the newer one, which becomes the older one when it is full. To keep all in
  // the order of their last use would change the map with each use.
  let newer = new Map<string, Entry>()
  let older = new Map<string, Entry>()

  return {
    of: entryOf,
    noteRun(text) {
      const entry = entryOf(text)
      entry.runs += 1
      entry.isFrequent = entry.runs >= runsForFrequent && text.length <= LONGEST_TEXT
      return entry
    },
    noteWriter(text) {
      entryOf(text).isQuery = false
    },
    noteSpeed(text, isSlow) {
      const entry = newer.get(text) ?? older.get(text)
      if (entry) entry.isSlow = isSlow
    }
  }

  function entryOf(text: string): Entry {
    const known = newer.get(text)
    if (known) return known
    const entry = older.get(text) ?? {
      runs: 0,
      isFrequent: false,
      isQuery: isQuery(text),
      isSlow: false,
      changesSession: sessionChangeOf(text) !== undefined
    }
    if (text.length > LONGEST_TEXT) return entry
    if (newer.size >= most / 2) {
      older = newer
      newer = new Map()
    }
    newer.set(text, entry)
    return entry
  }
}
