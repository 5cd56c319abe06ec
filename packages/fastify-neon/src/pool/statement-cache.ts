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
  /** Statements that are remembered; the one that was not used for longest is forgotten. @default 500 */
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
  const entries = new Map<string, CachedStatement & { runs: number }>()

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
      const entry = entries.get(text)
      if (entry) entry.isSlow = isSlow
    }
  }

  function entryOf(text: string) {
    const entry = entries.get(text) ?? {
      runs: 0,
      isFrequent: false,
      isQuery: isQuery(text),
      isSlow: false,
      changesSession: sessionChangeOf(text) !== undefined
    }
    // Behind all others, which makes the first one the oldest.
    entries.delete(text)
    if (text.length <= LONGEST_TEXT) entries.set(text, entry)
    if (entries.size > most) forgetOldest()
    return entry
  }

  function forgetOldest() {
    const [oldest = ''] = entries.keys()
    entries.delete(oldest)
  }
}
