/**
 * Owns every error answer of a route: one problem body, whose text for a 5xx is fixed, and one log line that holds no
 * statement, parameter or row; for what is refused for now, one a second.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describeFailure, findFailure } from 'fastify-neon/errors'
import fp from 'fastify-plugin'
import {
  ClosingError,
  IdempotencyKeyInUseError,
  InternalError,
  KeysUnavailableError,
  TooManySearchesError
} from '../../errors.ts'
import { createRefusalLog } from './refusal-log.ts'

/** RFC 9457. `code` is what a client compares. */
export interface Problem {
  type: 'about:blank'
  title: string
  status: number
  code: string
  detail: string
}

export const PROBLEM_TYPE = 'application/problem+json'

const UNAVAILABLE = 503
const RETRY_AFTER_SECONDS = 1
// Those that were refused together are not to come back together.
const RETRY_SPREAD_SECONDS = 3

const refusalLogs = new WeakMap<object, ReturnType<typeof createRefusalLog>>()

async function errorHandlerPlugin(fastify: FastifyInstance) {
  refusalLogs.set(fastify.server, createRefusalLog(fastify.log))
  fastify.setErrorHandler(sendProblem)
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error)
  logProblem(error, problem, request)
  // RFC 6750, section 3.
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (mayRepeat(error, request)) reply.header('retry-after', retryAfterSeconds(problem))
  return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
}

/** Its client went away before its body was here. */
function isCutOff({ raw }: FastifyRequest): boolean {
  return raw.destroyed && !raw.complete
}

function logProblem(error: unknown, { status, code }: Problem, request: FastifyRequest) {
  const failure = findFailure(error)
  if (failure?.kind === 'aborted' || isCutOff(request))
    request.log.info({ err: error }, 'request given up by its client')
  else if (status === UNAVAILABLE && failure?.kind !== 'commitOutcomeUnknown')
    refusalLogs.get(request.server.server)?.(failure ? describeFailure(failure) : { code })
  else if (status >= 500) request.log.error({ err: error, req: request }, 'request failed')
}

function retryAfterSeconds({ status }: Problem): number {
  const spread = status === UNAVAILABLE ? Math.floor(Math.random() * RETRY_SPREAD_SECONDS) : 0
  return RETRY_AFTER_SECONDS + spread
}

/** Where it is certain that nothing was done, or a key makes sure that it is done once; otherwise the header would ask for a write to be done twice. */
function mayRepeat(error: unknown, { idempotencyKey }: FastifyRequest): boolean {
  const isOfOthers =
    error instanceof KeysUnavailableError ||
    error instanceof ClosingError ||
    error instanceof TooManySearchesError ||
    error instanceof IdempotencyKeyInUseError
  const failure = findFailure(error)
  const isDoneOnce =
    idempotencyKey !== undefined &&
    (failure?.kind === 'commitOutcomeUnknown' || failure?.repeatable === 'transaction')
  return isOfOthers || isDoneOnce || (failure?.retryable ?? false)
}

export function problemOf(error: unknown): Problem {
  const { code, statusCode, message } = publicError(error)
  return {
    type: 'about:blank',
    title: STATUS_CODES[statusCode] ?? 'Error',
    status: statusCode,
    code,
    detail: message
  }
}

/** The error whose code and text may be shown: ours and Fastify's 4xx; everything else is only "could not be completed". */
function publicError(error: unknown) {
  const shown = findFailure(error) ?? error
  return isPublic(shown) ? shown : new InternalError()
}

function isPublic(error: unknown): error is Required<Pick<FastifyError, 'code' | 'statusCode' | 'message'>> {
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return false
  const { code, statusCode } = error
  if (typeof code !== 'string' || typeof statusCode !== 'number') return false
  return /^APP_|^FST_NEON_/.test(code) || (code.startsWith('FST_') && statusCode >= 400 && statusCode < 500)
}

export default fp(errorHandlerPlugin, { name: 'error-handler', fastify: '5.x' })
