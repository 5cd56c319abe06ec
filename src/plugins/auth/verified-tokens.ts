/**
 * Tokens whose signature was found to be right, so that it is checked once and not with each request. Whether the time of a token has
 * come and has not passed, and whether its key is still one of the issuer's, is not kept: the caller checks both each time.
 */
import { hash } from 'node:crypto'
import type { JWTHeaderParameters } from 'jose'

export interface VerifiedToken {
  subject: string
  header: JWTHeaderParameters
  /** That it was verified with. */
  key: unknown
  /** The `exp`, in s. */
  expiresAt: number
  /** The later one of `nbf` and `iat`, in s; 0 when it has neither. */
  validFrom: number
}

export interface VerifiedTokens {
  get(token: string): VerifiedToken | undefined
  add(token: string, verified: VerifiedToken): void
  delete(token: string): void
}

// Some 500 bytes each. Only tokens that are valid get in, so nobody pushes out those of others without signing in as often.
const MOST = 2000

/** @param most Tokens at most; the one that was added first is forgotten. @default 2000 */
export function createVerifiedTokens(most = MOST): VerifiedTokens {
  // By a hash, so that a dump of the memory has no list of tokens.
  const tokens = new Map<string, VerifiedToken>()

  return {
    get: token => tokens.get(hashOf(token)),
    add(token, verified) {
      tokens.set(hashOf(token), verified)
      if (tokens.size <= most) return
      const [first = ''] = tokens.keys()
      tokens.delete(first)
    },
    delete: token => void tokens.delete(hashOf(token))
  }
}

function hashOf(token: string): string {
  return hash('sha256', token, 'base64')
}
