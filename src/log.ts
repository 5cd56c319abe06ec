/**
 * What a log line says of an error: an allow-list, because messages of Drizzle
 * and Postgres carry statements, parameters and rows.
 */

import { describeFailure, findFailure } from './neon/failure.ts'
import { redact } from './neon/redact.ts'

export interface LoggedError {
  type: string
  message: string
  stack: string
  [fact: string]: unknown
}

/** Total: takes whatever was thrown. */
export function serializeError(error: unknown): LoggedError {
  const failure = findFailure(error)
  const stack = framesOf(error)
  if (failure) return { type: failure.name, message: failure.message, ...describeFailure(failure), stack }
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error was thrown', stack }
  const code = 'code' in error ? error.code : undefined
  return { type: error.name, code, message: redact(error.message), stack }
}

/** The stack behind its message: the message of a Drizzle error holds parameters, which may look like a frame. */
function framesOf(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return ''
  const start = error.stack.lastIndexOf(error.message)
  return start === -1 ? '' : error.stack.slice(start + error.message.length).trim()
}
