/**
 * Owns sign-in: checks the bearer token of a request and gives the request its
 * user. A route that was not guarded has no user, and says so loudly.
 */
import { readFile } from 'node:fs/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import {
  createLocalJWKSet,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify
} from 'jose'
import { KeysUnavailableError, UnauthenticatedError } from '../../errors.ts'
import { discoverKeys } from './discovery.ts'
import { createRemoteKeys } from './keys.ts'
import { createVerifiedTokens, type VerifiedToken } from './verified-tokens.ts'

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
  /** Where the public keys are: `https:`, or `file:` for keys on this machine. @default what the metadata of the issuer say */
  jwksUrl?: URL | undefined
  /** The `typ` that the header of tokens must have, such as `at+jwt`. @default none, JWT or at+jwt */
  tokenType?: string | undefined
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
// RFC 9068 for access tokens; many issuers write JWT, or nothing.
const TYPES = new Set(['jwt', 'at+jwt'])
// A set of keys looks at the header alone.
const ANY_TOKEN = { payload: '', signature: '' }
// 31 December 9999: what is later is a number by mistake.
const END_OF_TIME_S = 253_402_300_799

async function authPlugin(fastify: FastifyInstance, options: AuthOptions) {
  const { issuer, audience, jwksUrl, tokenType } = options
  const keys =
    jwksUrl?.protocol === 'file:'
      ? await readKeys(jwksUrl)
      : createRemoteKeys({
          locate: signal => jwksUrl ?? discoverKeys(issuer, signal),
          onFailure: err => fastify.log.warn({ err }, 'the keys of the issuer cannot be loaded')
        })
  const verifiedTokens = createVerifiedTokens()
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
    const { authorization } = request.headers
    if (authorization === undefined) throw new UnauthenticatedError()
    try {
      users.set(request, { id: await subjectOf(tokenIn(authorization)) })
    } catch (error) {
      request.log.info({ reason: refusalOf(error) }, 'token refused')
      throw new UnauthenticatedError()
    }
  }

  async function subjectOf(token: string): Promise<string> {
    const known = verifiedTokens.get(token)
    if (known && isInTime(known) && known.key === (await keys(known.header, ANY_TOKEN))) return known.subject
    if (known) verifiedTokens.delete(token)
    const verified = await verify(token)
    verifiedTokens.add(token, verified)
    return verified.subject
  }

  async function verify(token: string): Promise<VerifiedToken> {
    let key: unknown
    const findKey: JWTVerifyGetKey = async (header, jws) => {
      const found = await keys(header, jws)
      key = found
      return found
    }
    const { payload, protectedHeader } = await jwtVerify(token, findKey, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['sub', 'exp'],
      ...(tokenType !== undefined && { typ: tokenType })
    })
    const { sub, exp = 0, nbf = 0, iat = 0 } = payload
    // An extension that a token must not be taken without: there is none that this service knows.
    if (protectedHeader.crit !== undefined) throw new TokenRefusedError('extension')
    if (!isOfType(protectedHeader, tokenType)) throw new TokenRefusedError('type')
    if (!isIssuedInTime(payload)) throw new TokenRefusedError('issued-at')
    if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new TokenRefusedError('subject')
    return { subject: sub, header: protectedHeader, key, expiresAt: exp, validFrom: Math.max(nbf, iat) }
  }
}

function tokenIn(authorization: string): string {
  const [, token] = BEARER.exec(authorization) ?? []
  if (token === undefined) throw new TokenRefusedError('malformed')
  return token
}

/** Of a token that jose does not refuse, and this service does. */
class TokenRefusedError extends Error {
  readonly reason: string

  constructor(reason: string) {
    super()
    this.reason = reason
  }
}

const REASON_BY_CLAIM = new Map([
  ['iss', 'issuer'],
  ['aud', 'audience'],
  ['exp', 'expiry'],
  ['nbf', 'not-before'],
  ['iat', 'issued-at'],
  ['sub', 'subject'],
  ['typ', 'type']
])

/**
 * Why a token is refused, in one of a few words, since jose's errors carry what the token claims. Throws
 * APP_KEYS_UNAVAILABLE for what the caller cannot fix: that is 503, not 401.
 */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof KeysUnavailableError) throw error
  if (error instanceof TokenRefusedError) return error.reason
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
    return REASON_BY_CLAIM.get(error.claim)
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature'
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown-key'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm'
  if (error instanceof errors.JOSEError) return 'malformed'
  throw new KeysUnavailableError({ cause: error })
}

async function readKeys(url: URL): Promise<JWTVerifyGetKey> {
  try {
    return createLocalJWKSet(JSON.parse(await readFile(url, 'utf8')))
  } catch (cause) {
    throw new KeysUnavailableError({ cause })
  }
}

/** Of a JWT for this service: an ID token or a proof of possession is signed by the same issuer. */
function isOfType({ typ }: JWTHeaderParameters, wanted: string | undefined): boolean {
  // jose has checked it.
  if (wanted !== undefined || typ === undefined) return true
  return TYPES.has(typ.toLowerCase().replace(/^application\//, ''))
}

/** jose checks that they are numbers, and those that bound the time of the token. */
function isIssuedInTime({ iat = 0, exp = 0 }: JWTPayload): boolean {
  return iat <= secondsNow() + CLOCK_TOLERANCE_S && exp <= END_OF_TIME_S
}

/** Not more than jose and this service let pass. */
function isInTime({ expiresAt, validFrom }: VerifiedToken): boolean {
  const now = Math.floor(secondsNow())
  return validFrom <= now + CLOCK_TOLERANCE_S && expiresAt > now - CLOCK_TOLERANCE_S
}

function secondsNow(): number {
  // biome-ignore lint/complexity/useDateNow: as jose reads it, so that one token is not judged by two clocks
  return Number(new Date()) / 1000
}

export default fp(authPlugin, { name: 'auth', fastify: '5.x' })
