/**
 * The named statements of one connection: which the server has, and how many at most.
 */
import type { FrontendMessages } from './frontend-messages.ts'

export interface NamedStatement {
  name: string
  text: string
}

export interface PreparedStatements {
  /** The server has been asked to prepare it and has not answered. */
  isAwaited(name: string): boolean
  /** The name stands for another text. */
  isTaken(statement: NamedStatement): boolean
  /** Writes what the server needs to have it. */
  write(statement: NamedStatement, messages: FrontendMessages): void
  /** The server has it. */
  parsed(name: string): void
  /** All is answered that was sent with it. */
  settled(name: string): void
  /** The driver prepares it by itself. */
  replace(statement: NamedStatement, messages: FrontendMessages): void
  /** The server may have none any more: each is prepared anew before its next use. */
  doubtAll(): void
  /** This one is prepared anew before its next use. */
  doubt(name: string): void
}

// Neon's pooler keeps 1000 for each connection. Source: Neon docs, "Connection pooling", max_prepared_statements.
const MOST_STATEMENTS = 200

// PostgreSQL, NAMEDATALEN: it cuts longer ones, so that two of them are one, and one text runs in place of the other.
const LONGEST_NAME_BYTES = 63

export function canBeName(name: unknown): name is string {
  return typeof name === 'string' && Buffer.byteLength(name) <= LONGEST_NAME_BYTES
}

export function createPreparedStatements(most = MOST_STATEMENTS): PreparedStatements {
  // In the order of their last use.
  const texts = new Map<string, string>()
  const awaited = new Map<string, string>()
  const doubtful = new Set<string>()

  return {
    isAwaited: name => awaited.has(name),
    isTaken({ name, text }) {
      const known = texts.get(name)
      return known !== undefined && text !== '' && known !== text
    },
    write({ name, text: given }, messages) {
      const known = texts.get(name)
      const text = given || (known ?? '')
      if (known !== undefined && !doubtful.has(name)) return touch(name, known)
      // Many may be awaited at once, and count from the start.
      while (texts.size > 0 && texts.size + awaited.size >= most) closeOldest(messages)
      // One that is stale, or whose close was skipped behind an error, may still be there.
      messages.closeStatement(name)
      messages.parse(name, text)
      awaited.set(name, text)
    },
    parsed(name) {
      const text = awaited.get(name)
      if (text === undefined) return
      awaited.delete(name)
      doubtful.delete(name)
      touch(name, text)
    },
    settled: name => awaited.delete(name),
    replace({ name, text }, messages) {
      messages.closeStatement(name)
      awaited.set(name, text)
    },
    doubtAll() {
      for (const name of texts.keys()) doubtful.add(name)
    },
    doubt(name) {
      if (texts.has(name)) doubtful.add(name)
    }
  }

  function touch(name: string, text: string) {
    texts.delete(name)
    texts.set(name, text)
  }

  function closeOldest(messages: FrontendMessages) {
    const [oldest = ''] = texts.keys()
    texts.delete(oldest)
    doubtful.delete(oldest)
    messages.closeStatement(oldest)
  }
}
