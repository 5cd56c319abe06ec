/**
 * What a pool has learnt of the statements that it runs: their names, and which of them write.
 */
import { isQuery } from './statement-text.ts'

export interface KnownStatement {
  /** For who prepares it; undefined until it has been used often enough to be worth it. */
  name: string | undefined
  /** Most likely it only reads. */
  isQuery: boolean
  /** Others are not to wait behind it. */
  isSlow: boolean
}

export interface KnownStatements {
  /** Counts a use. */
  note(text: string): KnownStatement
  /** The server has refused it where nothing may be written. */
  noteWriter(text: string): void
  /** How it was when it was run last. */
  noteSpeed(text: string, isSlow: boolean): void
}

export interface KnownStatementsOptions {
  /** Uses after which a statement gets a name. @default 3 */
  usesForName?: number
  /** Statements that are remembered; the one that was not used for longest is forgotten. @default 500 */
  most?: number
}

// The memory of all of them together stays below 5 MB.
const LONGEST_TEXT = 10_000
const USES_FOR_NAME = 3
const MOST = 500

export function createKnownStatements({
  usesForName = USES_FOR_NAME,
  most = MOST
}: KnownStatementsOptions = {}): KnownStatements {
  const entries = new Map<string, KnownStatement & { uses: number }>()
  let named = 0

  return {
    note(text) {
      const entry = entryOf(text)
      entry.uses += 1
      if (entry.uses >= usesForName && text.length <= LONGEST_TEXT) entry.name ??= nextName()
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
      uses: 0,
      name: undefined,
      isQuery: isQuery(text),
      isSlow: false
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

  function nextName() {
    named += 1
    return `fastify-neon-${named}`
  }
}
