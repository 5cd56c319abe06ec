/**
 * An issuer in this process, tokens of it and of others, and an application that asks for them.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fastify from 'fastify'
import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose'
import type { Test } from 'tap'
import authPlugin, { type AuthOptions } from '../../../src/plugins/auth/auth.ts'
import errorHandlerPlugin from '../../../src/plugins/http/error-handler.ts'
import requestChecksPlugin from '../../../src/plugins/http/request-checks.ts'

export const ISSUER = 'https://issuer.test'
export const AUDIENCE = 'tasks'

export async function makeKeys(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid: 'one', alg: algorithm } }
}

export const keys = await makeKeys()
export const others = await makeKeys()

export const nowSeconds = () => Math.floor(Date.now() / 1000)

/** What a good token says, but for `claims`. */
export function claimsOf(claims: object = {}): JWTPayload {
  const now = nowSeconds()
  return { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: now, exp: now + 60, ...claims }
}

export function tokenOf(
  claims: object = {},
  { key = keys.privateKey, header = {} }: { key?: Parameters<SignJWT['sign']>[0]; header?: object } = {}
) {
  const protectedHeader: JWTHeaderParameters = { alg: 'ES256', kid: 'one', ...header }
  return new SignJWT(claimsOf(claims)).setProtectedHeader(protectedHeader).sign(key)
}

export interface GuardedOptions extends Partial<AuthOptions> {
  /** In the file of keys. */
  set?: object[]
}

export async function buildGuarded(t: Test, { set = [keys.jwk], ...options }: GuardedOptions = {}) {
  const directory = t.testdir({ 'jwks.json': JSON.stringify({ keys: set }) })
  const logs: Record<string, unknown>[] = []
  const stream = {
    write(line: string) {
      logs.push(JSON.parse(line))
    }
  }
  const app = fastify({ logger: { stream } })
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  await app.register(requestChecksPlugin)
  await app.register(authPlugin, {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: pathToFileURL(join(directory, 'jwks.json')),
    ...options
  })
  app.get('/me', { onRequest: app.authenticate }, async ({ user }) => user)
  app.get('/open', async ({ user }) => user)
  const get = async (authorization?: string | string[], url = '/me') =>
    app.inject({
      url,
      headers: authorization === undefined ? {} : ({ authorization } as Record<string, string>)
    })
  return { app, logs, get, statusOf: async (token: string) => (await get(`Bearer ${token}`)).statusCode }
}
