/**
 * Who is an operator, and may see more than everybody: whoever has the token, or whom the application lets.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { OptionInvalidError } from '../errors/errors.ts'
import { within } from '../runtime/deadline.ts'

export interface AccessOptions {
  /** Bearer token of operators; at least 16 characters. */
  token?: string | undefined
  /** In place of `token`: returns true for an operator. Throwing, or taking more than a second, is false. */
  authorize?: ((request: FastifyRequest) => boolean | Promise<boolean>) | undefined
}

const AUTHORIZE_TIMEOUT_MS = 1000
const LEAST_TOKEN_LENGTH = 16
const BEARER = /^bearer (\S+)$/i

/** Throws FST_NEON_OPTION_INVALID for a token that can be guessed, or for both. */
export function checkAccess({ token, authorize }: AccessOptions): void {
  if (token !== undefined && token.length < LEAST_TOKEN_LENGTH)
    throw new OptionInvalidError(`token must have at least ${LEAST_TOKEN_LENGTH} characters`)
  if (token !== undefined && authorize !== undefined)
    throw new OptionInvalidError('give token or authorize, not both')
}

/** Without either option nobody is one. Never rejects, and settles within a second. */
export function createAccess({ token, authorize }: AccessOptions) {
  return async (request: FastifyRequest): Promise<boolean> => {
    if (authorize !== undefined) return isAuthorized(request, authorize)
    return token !== undefined && isSame(bearerOf(request), token)
  }
}

async function isAuthorized(request: FastifyRequest, authorize: NonNullable<AccessOptions['authorize']>) {
  let isAllowed = false
  const asking = Promise.resolve(request)
    .then(authorize)
    .then(answer => {
      isAllowed = answer === true
    })
    .catch(ignore)
  await within(AUTHORIZE_TIMEOUT_MS, asking)
  return isAllowed
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  return BEARER.exec(headers.authorization ?? '')?.[1]
}

/** In a time that tells nothing of how much is right. */
function isSame(given: string | undefined, token: string) {
  return given !== undefined && timingSafeEqual(digest(given), digest(token))
}

function digest(text: string) {
  return createHash('sha256').update(text).digest()
}

function ignore() {}
