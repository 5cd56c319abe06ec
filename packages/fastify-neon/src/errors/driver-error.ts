/**
 * Reads what the driver, a socket or Drizzle throws, which often is no Error and
 * hides the real one; and makes the copy of it that may be printed.
 */
import { DatabaseError } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { redact } from '../connection-string/redact.ts'
import { isOfValue } from './value-error.ts'

// Longer chains are circles.
const MAX_CAUSES = 8

/** The error, what it wraps, what that wraps, and so on. */
export function* chainOf(error: unknown): Generator<object> {
  let current = error
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (typeof current !== 'object' || current === null) return
    yield current
    if (isErrorEvent(current)) current = current.error
    else current = current instanceof Error ? current.cause : undefined
  }
}

/** The driver rejects with the WebSocket's ErrorEvent, which is no Error and hides the real one in `.error`. */
export function isErrorEvent(error: unknown): error is { error: unknown } {
  return (
    typeof error === 'object' &&
    error !== null &&
    !(error instanceof Error) &&
    'error' in error &&
    'target' in error
  )
}

/** The code that this very object carries: a SQLSTATE, or what Node.js calls a network error. */
export function codeOf(error: object): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The code that Node.js gave a network error, wherever in the chain it is. */
export function systemCode(error: unknown): string | undefined {
  for (const each of chainOf(error)) {
    const code = codeOf(each)
    if (code !== undefined) return code
  }
  return undefined
}

/** The error that the server sent, wherever in the chain it is. */
export function serverErrorIn(error: unknown): DatabaseError | undefined {
  for (const each of chainOf(error)) {
    if (each instanceof DatabaseError) return each
  }
  return undefined
}

// Names out of the schema and codes. What is left out (message, detail, hint, where,
// the query and positions in it) quotes rows, parameters and statements.
const PRINTABLE_FIELDS = [
  'code',
  'severity',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'routine'
] as const

/**
 * The copy of an error that may stand as a `cause`, which loggers and `util.inspect` print
 * with all its fields: it has codes and names of the schema, and none of the server's words.
 */
export function printableCause(error: unknown): Error | undefined {
  const answer = serverErrorIn(error)
  if (answer) return printableResponse(answer)
  const errors = [...chainOf(error)]
  // What a value threw is an error of the application, and its own to show.
  const own = errors.find(isOfValue)
  if (own instanceof Error) return own
  const inner = errors.find(each => each instanceof Error && !(each instanceof DrizzleQueryError))
  if (!(inner instanceof Error)) return undefined
  const code = codeOf(inner)
  // The words of an error of the network are an address and a code; others may quote anything.
  const copy = new Error(code === undefined ? '' : redact(inner.message))
  copy.stack = `${inner.name}: ${copy.message}`
  return Object.assign(copy, { name: inner.name }, code === undefined ? {} : { code })
}

function printableResponse(answer: DatabaseError): DatabaseError {
  const copy = new DatabaseError(`SQLSTATE ${answer.code}`, 0, 'error')
  for (const field of PRINTABLE_FIELDS) copy[field] = answer[field]
  copy.stack = `error: ${copy.message}`
  return copy
}
