/**
 * The prepared statements of one connection: which the server has, and how many at most. Who calls a statement by a
 * name of his own finds it under the name of its text.
 */
import type { FrontendMessages } from './protocol/frontend-messages.ts'
import { createStatementNames, type PreparedAs, type StatementNames } from './statement-names.ts'

export interface NamedStatement {
  /** Of the caller. */
  name: string
  /** Empty for the one that the name stood for before. */
  text: string
}

export interface PreparedStatements {
  /** The server has been asked to prepare it and has not answered. */
  isAwaited(statement: NamedStatement): boolean
  /** The name stands for another text. */
  isTaken(statement: NamedStatement): boolean
  /** What it is prepared under now; empty where names are of no use. */
  nameOf(statement: NamedStatement): string
  /** Writes what the server needs to have it. */
  write(statement: NamedStatement, messages: FrontendMessages): Written
  /** The server has what was written under this name. */
  parsed(name: string): void
  /** All is answered that was sent with it. */
  settled(name: string): void
  /** The driver prepares it by itself, as what is answered. */
  replace(statement: NamedStatement, messages: FrontendMessages): PreparedAs
  /** The server did not parse what was new under this name of its caller. */
  refused(name: string): void
  /** The server may have none any more: each is prepared again before its next use. */
  forgetAll(): void
  /** The server cannot execute what was prepared under this name. */
  noteStale(name: string): void
}

export interface Written {
  /** What it is bound by; empty for no name. */
  name: string
  /** It was there before. */
  isReused: boolean
  /** It goes unnamed, and the name that its caller gave it stands for its text from now on. @default false */
  isNew?: boolean
}

// Neon's pooler keeps 1000 for each connection. Source: Neon docs, "Connection pooling", max_prepared_statements.
const MOST_STATEMENTS = 200

// PostgreSQL, NAMEDATALEN: it cuts longer ones, so that two of them would be one.
const LONGEST_NAME_BYTES = 63

export function canBeName(name: unknown): name is string {
  return typeof name === 'string' && Buffer.byteLength(name) <= LONGEST_NAME_BYTES
}

export interface PreparedStatementsOptions {
  /** @default of this connection alone */
  names?: StatementNames
  /** @default 200 */
  most?: number
}

export function createPreparedStatements({
  names = createStatementNames(),
  most = MOST_STATEMENTS
}: PreparedStatementsOptions = {}): PreparedStatements {
  // Each in the order of the last use.
  const texts = new Map<string, string>()
  /** The text of each, as it was given. */
  const there = new Map<string, string>()
  const awaited = new Map<string, NamedStatement>()

  return {
    isAwaited(statement) {
      if (awaited.size === 0 || statement.name === '') return false
      // Or its name may be that of another text.
      const isCalled = ({ name }: NamedStatement) => name === statement.name
      return awaited.has(nameOf(statement)) || [...awaited.values()].some(isCalled)
    },
    isTaken({ name, text }) {
      const known = texts.get(name)
      return known !== undefined && text !== '' && known !== text
    },
    nameOf,
    write(statement, messages) {
      const text = textOf(statement)
      const preparedAs = names.of(text)
      if (preparedAs === undefined) {
        messages.parse('', text)
        const isNew = !texts.has(statement.name)
        noteName(statement.name, text)
        return { name: '', isReused: false, isNew }
      }
      const { name } = preparedAs
      // Under a new name it is prepared once more: whether it can be is what the caller hears.
      if (there.has(name) && (statement.name === name || texts.get(statement.name) === text)) {
        touch(name, text)
        if (statement.name !== name) noteName(statement.name, text)
        return { name, isReused: true }
      }
      // Many may be awaited at once, and count from the start.
      while (there.size > 0 && there.size + awaited.size >= most) closeOldest(messages)
      // One whose close was skipped behind an error, or of another client of the pooler, may still be there.
      messages.closeStatement(name)
      messages.parse(name, preparedAs.text)
      awaited.set(name, { name: statement.name, text })
      return { name, isReused: false }
    },
    parsed(name) {
      const statement = awaited.get(name)
      if (statement === undefined) return
      awaited.delete(name)
      touch(name, statement.text)
      if (statement.name !== name) noteName(statement.name, statement.text)
    },
    settled: name => awaited.delete(name),
    replace(statement, messages) {
      const text = textOf(statement)
      const preparedAs = names.of(text)
      if (preparedAs === undefined) return { name: '', text }
      messages.closeStatement(preparedAs.name)
      there.delete(preparedAs.name)
      awaited.set(preparedAs.name, { name: statement.name, text })
      return preparedAs
    },
    refused: name => texts.delete(name),
    forgetAll: () => there.clear(),
    noteStale(name) {
      const text = there.get(name) ?? awaited.get(name)?.text
      if (text !== undefined) names.noteStale(text, name)
    }
  }

  function textOf({ name, text }: NamedStatement): string {
    return text || (texts.get(name) ?? '')
  }

  function nameOf(statement: NamedStatement): string {
    return names.of(textOf(statement))?.name ?? ''
  }

  function noteName(name: string, text: string) {
    texts.delete(name)
    texts.set(name, text)
    if (texts.size > most) texts.delete(oldestOf(texts))
  }

  /** Their order matters when the oldest has to go, and costs a change of the map. */
  function touch(name: string, text: string) {
    if (there.size < most / 2 && there.has(name)) return
    there.delete(name)
    there.set(name, text)
  }

  function closeOldest(messages: FrontendMessages) {
    const oldest = oldestOf(there)
    there.delete(oldest)
    messages.closeStatement(oldest)
  }
}

function oldestOf(entries: Map<string, string>): string {
  const [oldest = ''] = entries.keys()
  return oldest
}
