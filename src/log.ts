/**
 * What a log line says of errors, requests and objects with connections: allow-lists, because
 * messages of Drizzle, Postgres and parsers carry statements, parameters and rows, and a
 * request carries tokens.
 */
import { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { redact } from 'fastify-neon/connection-string'
import { describeFailure, findFailure } from 'fastify-neon/errors'

export interface LoggedError {
  type: string
  message: string
  stack: string
  [fact: string]: unknown
}

// Codes whose messages are ours, Fastify's or the system's own words.
const SPEAKING_CODE = /^(?:APP_|FST_|LOCAL_NEON_|E[A-Z]{3,}$)/
// What V8 says of a bug, in names of the source and never in values.
const BUG_MESSAGE =
  /^(?:Cannot (?:read|set) properties of|[\w.]+ is not (?:a function|a constructor|defined|iterable))/

/** Total: takes whatever was thrown. */
export function serializeError(error: unknown): LoggedError {
  try {
    return describeError(error)
  } catch {
    // An error whose own properties throw.
    return { type: 'unreadable', message: '', stack: '' }
  }
}

function describeError(error: unknown): LoggedError {
  const failure = findFailure(error)
  const stack = framesOf(error)
  if (failure) return { type: failure.name, message: failure.message, ...describeFailure(failure), stack }
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error was thrown', stack }
  const code = 'code' in error ? error.code : undefined
  const mayShow = SPEAKING_CODE.test(String(code)) || BUG_MESSAGE.test(error.message)
  return { type: error.name, code, message: mayShow ? redact(error.message) : '', stack }
}

/** The stack behind its message: the message of a Drizzle error holds parameters, which may look like a frame. */
function framesOf(error: unknown): string {
  if (!(error instanceof Error) || error.stack === undefined) return ''
  const start = error.stack.lastIndexOf(error.message)
  return start === -1 ? '' : error.stack.slice(start + error.message.length).trim()
}

/** No header and no query: both carry tokens and keys. */
export function serializeRequest({ method, url, host, ip, socket }: FastifyRequest) {
  const [path] = url.split('?', 1)
  return { method, url: path, host, remoteAddress: ip, remotePort: socket.remotePort }
}

/** pino's serializers know two names; an error that is logged by another one must not get by. */
export function serializeFacts(facts: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(facts)
  if (!entries.some(isUnnamedError)) return facts
  return Object.fromEntries(
    entries.map(entry => (isUnnamedError(entry) ? [entry[0], serializeError(entry[1])] : entry))
  )
}

function isUnnamedError([name, value]: [string, unknown]): boolean {
  return value instanceof Error && !(name in ERROR_SERIALIZERS)
}

const ERROR_SERIALIZERS = { err: serializeError, error: serializeError }

/** The part of the logger's settings that keeps secrets out of it. */
export const LOG_SETTINGS = {
  serializers: { ...ERROR_SERIALIZERS, req: serializeRequest },
  formatters: { log: serializeFacts },
  hooks: { logMethod: logWithoutMessage }
}

type LogMethod = (this: FastifyBaseLogger, ...values: unknown[]) => void

/** pino takes the message of an error for the text of a line that has none, and no serializer sees that. */
export function logWithoutMessage(this: FastifyBaseLogger, values: unknown[], method: LogMethod): void {
  const [first, ...rest] = values
  const error = first instanceof Error ? first : errorIn(first)
  // pino writes the fields of an object, and asks it for `toJSON` only one level down.
  if (hasToJson(first)) method.apply(this, [{ value: first }, ...rest])
  else if (error === undefined || (typeof rest[0] === 'string' && rest[0] !== error.message)) {
    method.apply(this, values)
  } else {
    method.apply(this, [first instanceof Error ? { err: first } : first, 'error', ...rest.slice(1)])
  }
}

function hasToJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'toJSON' in value && !(value instanceof Error)
}

function errorIn(value: unknown): Error | undefined {
  if (typeof value !== 'object' || value === null || !('err' in value)) return undefined
  return value.err instanceof Error ? value.err : undefined
}

/** One line for each request, when it has ended; and none for a 503, since the error handler counts those. */
export class AccessLog extends LogController {
  override incomingRequest() {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply) {
    if (error) super.requestCompleted(error, request, reply)
    else if (reply.statusCode !== 503)
      reply.log.info({ req: request, res: reply, responseTime: reply.elapsedTime }, 'request completed')
  }
}
