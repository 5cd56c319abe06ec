/**
 * A real OpenID Connect provider on this machine, whose pages take any name and password.
 */
import { createServer, type RequestListener } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type Configuration } from 'oidc-provider'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { listen } from '../../packages/local-neon/src/listen.ts'

export const AUDIENCE = 'https://api.example'
export const CLIENT = 'tasks-page'

const ALGORITHM = 'ES256'
const HOUR_S = 3600

export interface TestProvider {
  issuer: string
  /** From now on it signs with another key, and publishes that one alone. */
  rotateKeys(): Promise<void>
  /** Answers nothing any more, until it is started. */
  stop(): void
  start(): void
  /** Its keys, and nothing else, are not answered. */
  hideKeys(isHidden: boolean): void
  /** Paths that it was asked for. */
  asked: string[]
}

export async function openProvider(t: Test, redirectUri: string): Promise<TestProvider> {
  let answer: RequestListener = () => {}
  let isDown = false
  let areKeysHidden = false
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', issuer)
    asked.push(pathname)
    if (isDown) request.socket.destroy()
    else if (areKeysHidden && pathname === '/jwks') response.writeHead(503).end()
    else answer(request, response)
  })
  const { port } = await listen(server, 0)
  const issuer = `http://127.0.0.1:${port}`
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await rotateKeys()
  return {
    issuer,
    rotateKeys,
    stop() {
      isDown = true
    },
    start() {
      isDown = false
    },
    hideKeys(isHidden) {
      areKeysHidden = isHidden
    },
    asked
  }

  async function rotateKeys() {
    const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
    const jwk = { ...(await exportJWK(privateKey)), alg: ALGORITHM, use: 'sig', kid: crypto.randomUUID() }
    answer = new Provider(issuer, configuration(jwk, redirectUri)).callback()
  }
}

function configuration(jwk: object, redirectUri: string): Configuration {
  return {
    jwks: { keys: [jwk] } as Configuration['jwks'],
    cookies: { keys: ['of this test'] },
    clients: [
      {
        client_id: CLIENT,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [redirectUri],
        id_token_signed_response_alg: ALGORITHM
      }
    ],
    clientBasedCORS: (_context, origin) => origin === new URL(redirectUri).origin,
    pkce: { required: () => true },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ttl: {
      AccessToken: HOUR_S,
      Session: 24 * HOUR_S,
      Grant: 24 * HOUR_S,
      Interaction: HOUR_S,
      IdToken: HOUR_S
    },
    features: {
      devInteractions: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: HOUR_S,
          jwt: { sign: { alg: ALGORITHM } }
        })
      }
    }
  }
}

/** At the pages of the provider: signs in, and lets the frontend have it. */
export async function signInAtProvider(page: Page, user: string) {
  await page.locator('input[name=login]').fill(user)
  await page.locator('input[name=password]').fill('any')
  await page.getByRole('button', { name: 'Sign-in' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
}
