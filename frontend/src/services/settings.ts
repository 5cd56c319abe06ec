/**
 * The settings of a deployment: settings.json beside index.html, so that one build serves every environment.
 */

export interface OidcSettings {
  type: 'oidc'
  /** As the provider names itself in its metadata. */
  issuer: string
  /** Of a public client, whose redirect URI is the address of this page. */
  clientId: string
  /** @default openid */
  scope?: string
  /** What the provider wants besides, such as `resource` or `audience`, to give an access token for the API. */
  parameters?: Record<string, string>
}

/** `npm run dev`: any name signs in. */
export interface DevelopmentSettings {
  type: 'development'
}

export interface Settings {
  apiUrl: string
  signIn: OidcSettings | DevelopmentSettings
}

const TYPES = new Set(['oidc', 'development'])

/** Throws when they cannot be read, or lack what nothing works without. */
export async function loadSettings(): Promise<Settings> {
  const response = await fetch('./settings.json')
  if (!response.ok) throw new Error(`settings.json: the server answered ${response.status}`)
  const settings: Settings = JSON.parse(await response.text())
  const isComplete = typeof settings.apiUrl === 'string' && TYPES.has(settings.signIn?.type)
  if (!isComplete) throw new Error('settings.json lacks apiUrl, or signIn with a type of oidc or development')
  return settings
}
