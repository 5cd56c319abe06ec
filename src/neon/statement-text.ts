/**
 * What can be told of a statement by its text. Each answer is on the safe side: who gets it wrong waits longer.
 */

// No other statement makes the server read data of the client in the place of messages.
const COPY = /\bcopy\b/i

// Also one inside a literal.
const SEPARATOR = ';'

const QUERY = /^\s*select\b/i

// Rows that are locked, which waits for others and is no read.
const LOCKS = /\bfor\s+(?:no\s+key\s+update|update|share|key\s+share)\b/i

/** False: nothing may be sent behind it before it is answered. */
export function mayPipeline(text: string): boolean {
  return !COPY.test(text)
}

/** A single one, which the extended protocol takes. */
export function isSingle(text: string): boolean {
  return !text.includes(SEPARATOR)
}

/** One that most likely only reads. What it calls may write: only a transaction that is READ ONLY knows. */
export function isQuery(text: string): boolean {
  return QUERY.test(text) && isSingle(text) && !LOCKS.test(text) && mayPipeline(text)
}
