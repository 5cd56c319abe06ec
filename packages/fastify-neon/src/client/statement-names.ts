/**
 * What statements are prepared under. A name says the text, so that it means the same statement in every pool of
 * every process: a pooler may hand one session, with the names on it, to all of them.
 */
import { createHash } from 'node:crypto'

export interface PreparedAs {
  /** Of at most 63 bytes. */
  name: string
  /** The text, or another one that means the same. */
  text: string
}

export interface StatementNames {
  /** What to prepare the text as; undefined where names do not survive. */
  of(text: string): PreparedAs | undefined
  /**
   * What was prepared under this name cannot be executed any more. From now on the text is sent with a comment behind
   * it: PgBouncer shares what is prepared by its text, so a Close and a Parse of the same one would change nothing.
   */
  noteStale(text: string, name: string): void
  /** There is no use in names here: from now on no statement gets one. */
  giveUp(): void
}

export interface StatementNamesOptions {
  /** Called once. @default nobody hears of it */
  onGivenUp?: () => void
  /** Texts whose names are remembered. @default 500 */
  most?: number
}

const PREFIX = 'fastify-neon-'
const MOST = 500

export function createStatementNames({
  onGivenUp = () => {},
  most = MOST
}: StatementNamesOptions = {}): StatementNames {
  const known = new Map<string, PreparedAs>()
  /** How often a text went stale; of few texts, since it takes a change of their tables. */
  const changes = new Map<string, number>()
  let areGivenUp = false

  return {
    of(text) {
      if (areGivenUp) return undefined
      const preparedAs = known.get(text) ?? nameOf(text, changes.get(text))
      // In the order of their first use: to find the name of one that is forgotten costs little.
      if (!known.has(text)) remember(known, text, preparedAs)
      return preparedAs
    },
    noteStale(text, name) {
      const before = changes.get(text) ?? 0
      // Many may have found the same.
      if (nameOf(text, before).name !== name) return
      known.delete(text)
      changes.delete(text)
      remember(changes, text, before + 1)
    },
    giveUp() {
      if (areGivenUp) return
      areGivenUp = true
      onGivenUp()
    }
  }

  function remember<T>(entries: Map<string, T>, text: string, value: T) {
    entries.set(text, value)
    if (entries.size <= most) return
    const [oldest = ''] = entries.keys()
    entries.delete(oldest)
  }
}

/** Parse says no types of parameters, so the text is all that a statement is made of. */
function nameOf(original: string, changes = 0): PreparedAs {
  // On a line of its own, since the text may end with a comment.
  const text = changes === 0 ? original : `${original}\n/* ${changes} */`
  return { name: PREFIX + createHash('sha256').update(text).digest('base64url'), text }
}
