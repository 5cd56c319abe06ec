/**
 * Owns sign-in: checks the bearer token of a request and gives the request its
 * user. A route that was not guarded has no user, and says so loudly.
 */
import { readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { KeysUnavailableError, UnauthenticatedError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** An onRequest hook: answers 401 unless the request carries a valid token. */
    authenticate(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** The signed-in user. Throws APP_UNAUTHENTICATED on a route without `authenticate`. */
    readonly user: User
  }
}

export interface User {
  /** The token's subject: 1 to 255 printable ASCII characters. */
  readonly id: string
}

export interface AuthOptions {
  /** The `iss` that tokens must have. */
  issuer: string
  /** The `aud` that tokens must have. */
  audience: string
  /** Where the public keys are: `https:`, or `file:` for keys on this machine. */
  jwksUrl: URL
}

// Asymmetric only: with a shared-secret algorithm in the list, a public key
// could be passed off as the secret.
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256', 'PS256']
// Clocks of two machines differ.
const CLOCK_TOLERANCE_S = 30
// OpenID Connect Core 1.0, section 2: a subject has at most 255 ASCII characters.
const SUBJECT = /^[\x20-\x7e]{1,255}$/
// RFC 6750, section 2.1.
const BEARER = /^bearer ([\w\-.~+/]+=*)$/i
const JWKS_TIMEOUT_MS = 5000
const JWKS_COOLDOWN_MS = 30_000
const JWKS_MAX_AGE_MS = 10 * 60_000

async function authPlugin(fastify: FastifyInstance, { issuer, audience, jwksUrl }: AuthOptions) {
  const keys = await loadKeys(jwksUrl)
  const users = new WeakMap<FastifyRequest, User>()

  fastify.decorate('authenticate', authenticate)
  fastify.decorateRequest('user', {
    getter() {
      const user = users.get(this)
      if (!user) throw new UnauthenticatedError()
      return user
    }
  })

  async function authenticate(request: FastifyRequest) {
    const [, token] = BEARER.exec(request.headers.authorization ?? '') ?? []
    if (token === undefined) throw new UnauthenticatedError()
    users.set(request, { id: await subjectOf(token) })
  }

  async function subjectOf(token: string): Promise<string> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['sub', 'exp']
      })
      if (typeof payload.sub === 'string' && SUBJECT.test(payload.sub)) return payload.sub
    } catch (error) {
      // What the caller cannot mend is not the caller's fault: 503, not 401.
      if (isKeysFault(error)) throw new KeysUnavailableError({ cause: error })
    }
    throw new UnauthenticatedError()
  }
}

async function loadKeys(url: URL): Promise<JWTVerifyGetKey> {
  if (url.protocol === 'file:') return readKeys(url)
  return createRemoteJWKSet(url, {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS
  })
}

async function readKeys(url: URL): Promise<JWTVerifyGetKey> {
  try {
    return createLocalJWKSet(JSON.parse(await readFile(url, 'utf8')))
  } catch (cause) {
    throw new KeysUnavailableError({ cause })
  }
}

/** jose throws its generic error for a wrong answer of the key server and passes on what fetch throws. */
function isKeysFault(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true
  return ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(error.code)
}

export default fp(authPlugin, { name: 'auth', fastify: '5.x' })
