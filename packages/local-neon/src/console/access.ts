/**
 * Owns who may use the control interface: programs on this machine, and of all web pages only the console, which has
 * the token. Tokens are no cookies, because a browser sends those to every port of a host.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { RequestError } from './request-error.ts'

const LOOPBACK = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/

/** The same after a restart on the same data, so that an open console goes on. */
export function consoleToken(password: string): string {
  return createHmac('sha256', password).update('console').digest('base64url')
}

/** A name that leads to this machine must not let the page of that name in: DNS rebinding. */
export function checkHost({ headers: { host = '' } }: IncomingMessage): void {
  if (!LOOPBACK.test(host)) throw new RequestError(403, 'only as 127.0.0.1 or localhost')
}

/** Browsers name the page that asks; other programs do not. */
export function checkCaller({ method, headers }: IncomingMessage, token: string): void {
  const { origin, host, 'sec-fetch-site': site } = headers
  const isForeign = origin !== undefined && origin !== `http://${host}`
  if (isForeign || site === 'cross-site' || site === 'same-site')
    throw new RequestError(403, 'not for other web pages')
  if (origin !== undefined || site !== undefined) checkToken(headers, token)
  const hasBody = method === 'POST' && headers['content-length'] !== '0'
  if (hasBody && headers['content-type'] !== 'application/json')
    throw new RequestError(415, 'send JSON, with content-type: application/json')
}

export function checkToken({ authorization = '' }: IncomingHttpHeaders, token: string): void {
  if (!isEqual(authorization, `Bearer ${token}`))
    throw new RequestError(401, 'this needs the token: open the URL of the console that is printed at start')
}

/** In the same time, however much of it is right. */
function isEqual(given: string, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected))
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
