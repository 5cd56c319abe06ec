/**
 * The Idempotency-Key of a request, and the fingerprint that tells a repeated request from
 * another one under the same key.
 */
import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { IdempotencyKeyInvalidError } from '../../errors.ts'

// draft-ietf-httpapi-idempotency-key-header-07: a String of RFC 8941, which has quotes. Many
// clients leave them out; both are the same key.
/** As a schema takes it. */
export const IDEMPOTENCY_KEY = '^(?:"(?:[ !#-\\[\\]-~]|\\\\["\\\\]){1,255}"|[\\w.~:+/=-]{1,255})$'
const KEY = new RegExp(IDEMPOTENCY_KEY)

/** Throws APP_IDEMPOTENCY_KEY_INVALID. Two headers of this name come joined by a comma, and are none. */
export function parseIdempotencyKey(header: string | string[]): string {
  const text = String(header)
  if (!KEY.test(text)) throw new IdempotencyKeyInvalidError()
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text
}

export function fingerprintOf({ method, url, body, headers }: FastifyRequest): string {
  const condition = headers['if-match']
  return createHash('sha256')
    .update(`${method} ${url}\n${JSON.stringify(body, sortMembers)}`)
    .update(condition === undefined ? '' : `\nif-match: ${condition}`)
    .digest('hex')
}

/** A client that writes its JSON again may write it in another order. */
function sortMembers(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
