/**
 * Sign-in with an OpenID Connect provider: the code flow with PKCE, by which the page leaves for the provider and comes back with
 * a code. oauth4webapi checks everything that comes back.
 */
import * as oauth from 'oauth4webapi'
import type { OidcSettings } from '../settings.ts'

const REQUEST = 'sign-in-request'
const ID_TOKEN = 'id-token'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** What the page has to remember while the user is at the provider. */
interface SignInRequest {
  state: string
  nonce: string
  codeVerifier: string
  /** Where the user was. */
  search: string
}

/** Leaves for the provider. Rejects when it does not answer. `user` is who should sign in there, if that is known. */
export async function leaveForSignIn(settings: OidcSettings, user?: string): Promise<void> {
  const server = await discover(settings)
  if (server.authorization_endpoint === undefined)
    throw new Error('the provider has no authorization_endpoint')
  const request: SignInRequest = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    codeVerifier: oauth.generateRandomCodeVerifier(),
    search: location.search
  }
  const url = new URL(server.authorization_endpoint)
  const parameters = {
    client_id: settings.clientId,
    redirect_uri: redirectUri(),
    response_type: 'code',
    scope: settings.scope ?? 'openid',
    state: request.state,
    nonce: request.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(request.codeVerifier),
    code_challenge_method: 'S256',
    ...(user !== undefined && { login_hint: user }),
    ...settings.parameters
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  sessionStorage.setItem(REQUEST, JSON.stringify(request))
  location.assign(url)
}

/** Takes the code out of the address and exchanges it. Resolves with the access token. */
export async function completeSignIn(settings: OidcSettings, url: URL): Promise<string> {
  const kept = sessionStorage.getItem(REQUEST)
  sessionStorage.removeItem(REQUEST)
  const { state, nonce, codeVerifier, search }: SignInRequest = JSON.parse(kept ?? '{"search":""}')
  // A code works once: a reload must not send it again.
  history.replaceState(null, '', `${location.pathname}${search}`)
  if (kept === null) throw new Error('this window did not ask for the sign-in that the provider answers')
  const server = await discover(settings)
  const client: oauth.Client = { client_id: settings.clientId }
  const parameters = oauth.validateAuthResponse(server, client, url, state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirectUri(),
    codeVerifier,
    { ...insecureOnLoopback(settings), additionalParameters: settings.parameters ?? {} }
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce,
    requireIdToken: true
  })
  sessionStorage.setItem(ID_TOKEN, `${tokens.id_token}`)
  return tokens.access_token
}

/** Ends the session at the provider too, where it can be ended by the page. */
export async function leaveForSignOut(settings: OidcSettings): Promise<void> {
  const idToken = sessionStorage.getItem(ID_TOKEN)
  sessionStorage.removeItem(ID_TOKEN)
  const { end_session_endpoint: end } = await discover(settings)
  if (end === undefined || idToken === null) return
  const url = new URL(end)
  url.searchParams.set('id_token_hint', idToken)
  url.searchParams.set('client_id', settings.clientId)
  url.searchParams.set('post_logout_redirect_uri', redirectUri())
  location.assign(url)
}

async function discover(settings: OidcSettings): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(settings.issuer)
  const response = await oauth.discoveryRequest(issuer, {
    algorithm: 'oidc',
    ...insecureOnLoopback(settings)
  })
  return oauth.processDiscoveryResponse(issuer, response)
}

/** This page without query and fragment, as the provider knows it. */
function redirectUri(): string {
  return `${location.origin}${location.pathname}`
}

/** TLS for every provider but one on this machine. */
function insecureOnLoopback({ issuer }: OidcSettings) {
  return { [oauth.allowInsecureRequests]: LOOPBACK.has(new URL(issuer).hostname) }
}
