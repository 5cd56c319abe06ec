/**
 * The problem answers of a route, as its schema has them: by status, with the codes that may be in them.
 */
import { type Static, Type } from '@sinclair/typebox'
import type { FastifySchemaValidationError } from 'fastify'
import { DATABASE_FAILURES, MigrationsBehindError } from 'fastify-neon/errors'
import {
  ClosingError,
  EntityTagInvalidError,
  IdempotencyKeyInvalidError,
  InternalError,
  KeysUnavailableError,
  RateLimitedError,
  UnauthenticatedError
} from '../errors.ts'

/** Shared by all routes, so that a client generates one type for it. */
export const Problem = Type.Object(
  {
    type: Type.Literal('about:blank'),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'What a client compares' }),
    detail: Type.String()
  },
  { $id: 'Problem', additionalProperties: false, description: 'RFC 9457' }
)

interface Definition {
  code: string
  statusCode: number
  message: string
}

type ErrorClass = new () => Error & { code: string; statusCode?: number }

/** Fastify's own, for what its parser and its validator refuse. */
export const INVALID = {
  code: 'FST_ERR_VALIDATION',
  statusCode: 400,
  message: 'the request is not as described'
}
export const BODY_REFUSALS: Definition[] = [
  { code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400, message: 'the body is not JSON' },
  { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413, message: 'the body is too large' },
  { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415, message: 'the body is not application/json' }
]

/** Headers that have a code of their own for what their schema refuses. */
const HEADER_ERRORS: Record<string, ErrorClass> = {
  '/if-match': EntityTagInvalidError,
  '/if-none-match': EntityTagInvalidError,
  '/idempotency-key': IdempotencyKeyInvalidError
}

/** What a schema refuses, in Fastify's words. */
export function schemaError(errors: FastifySchemaValidationError[], place: string): Error {
  const [OwnError] = errors.flatMap(({ instancePath }) => HEADER_ERRORS[instancePath] ?? [])
  return OwnError
    ? new OwnError()
    : new Error(errors.map(({ instancePath, message }) => `${place}${instancePath} ${message}`).join(', '))
}

/** What every route of a signed-in user may answer. */
const COMMON: (Definition | ErrorClass)[] = [
  INVALID,
  UnauthenticatedError,
  RateLimitedError,
  KeysUnavailableError,
  ClosingError,
  MigrationsBehindError,
  InternalError,
  ...Object.values(DATABASE_FAILURES)
]

const MAY_BE_REPEATED = new Set([409, 429, 503])
const RETRY_AFTER = {
  type: 'integer',
  description: 'Seconds; there when the same request may be sent again, and only then'
}

const problemRef = Type.Unsafe<Static<typeof Problem>>({ $ref: 'Problem#' })

/** `response` of a schema: these errors, and those that every route may answer. */
export function problemResponses(...errors: (Definition | ErrorClass)[]) {
  const definitions = [...COMMON, ...errors].map(error =>
    typeof error === 'function' ? define(error) : error
  )
  const statuses = [...new Set(definitions.map(({ statusCode }) => statusCode))].sort()
  return Object.fromEntries(
    statuses.map(status => [
      status,
      {
        description: definitions
          .filter(({ statusCode }) => statusCode === status)
          .map(({ code, message }) => `\`${code}\`: ${message}`)
          .join('\n\n'),
        ...(MAY_BE_REPEATED.has(status) && { headers: { 'Retry-After': RETRY_AFTER } }),
        content: { 'application/problem+json': { schema: problemRef } }
      }
    ])
  )
}

function define(ErrorClass: ErrorClass): Definition {
  const { code, message, statusCode } = new ErrorClass()
  return { code, message, statusCode: Number(statusCode) }
}
