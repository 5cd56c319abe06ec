/**
 * Whom a transaction runs as: a role and claims that hold for that transaction alone, so that nothing of
 * them is left on the connection. Policies read the claims with `current_setting`.
 */

import type { PipelineStatement } from '../client/pipeline.ts'
import { OptionInvalidError } from '../errors/errors.ts'
import { cachedByText } from '../runtime/text-cache.ts'

/** Settings of the transaction, such as `{ 'app.user_id': 'alice' }`. */
export type Claims = Readonly<Record<string, string>>

export interface Identity {
  /** Switched to; without one the role of the login stays. */
  role?: string | undefined
  claims?: Claims | undefined
  /** Names of claims; those that are not in `claims` are empty, whatever the session holds. */
  cleared?: ReadonlySet<string> | undefined
  /** In the queue of the pool the shares take turns. */
  share?: string | undefined
}

// A setting of the server, such as `role` or `row_security`, has no dot in its name.
const CLAIM = /^[a-z_][a-z\d_]*(?:\.[a-z_][a-z\d_]*)+$/i

/** The statement that takes the identity on, or undefined for nobody in particular. */
export function identityStatement(identity: Identity): string | undefined {
  const settings = settingsOf(identity)
  if (settings.length === 0) return undefined
  return `SELECT ${settings.map(([name, value]) => `set_config('${name}', ${literal(value)}, true)`).join(', ')}`
}

/**
 * The same for a pipeline, with the values as parameters, so that it is prepared once for all users. In a
 * transaction without BEGIN it is also what makes it READ ONLY.
 */
export function claimsPipeline(identity: Identity, { readOnly = false } = {}): PipelineStatement[] {
  const settings = settingsOf(identity)
  // First, since nothing else can be done about a statement that writes.
  if (readOnly) settings.unshift(['transaction_read_only', 'on'])
  if (settings.length === 0) return []
  const text = settingStatement(settings.map(([name]) => name).join())
  return [{ text, values: settings.map(([, value]) => value), isQuiet: true, isEchoed: true }]
}

/** Of names that are joined by commas, which no name has. The same text each time, of which the engine knows the hash. */
const settingStatement = cachedByText(names => {
  const calls = names.split(',').map((name, index) => `set_config('${name}', $${index + 1}, true)`)
  // The server says whom the rows behind it are for, and for which pipeline.
  return `SELECT ${calls.join(', ')}, $${calls.length + 1}::text`
})

function settingsOf({ role, claims = {}, cleared }: Identity): [name: string, value: string][] {
  const settings = Object.entries(claims)
  for (const name of cleared ?? []) if (!Object.hasOwn(claims, name)) settings.unshift([name, ''])
  if (role !== undefined) settings.push(['role', role])
  return settings
}

/** Throws FST_NEON_OPTION_INVALID for what is no claim; a value without a character would count as none. */
export function checkClaims(claims: Claims): Claims {
  for (const [name, value] of Object.entries(claims)) {
    if (!CLAIM.test(name))
      throw new OptionInvalidError('the name of a claim must be words joined by dots, such as app.user_id')
    if (typeof value !== 'string' || value === '' || value.includes('\0'))
      throw new OptionInvalidError(`the claim ${name} must be a text that is not empty`)
  }
  return { ...claims }
}

/** Names that `claims` may have. Throws FST_NEON_OPTION_INVALID for another. */
export function checkClaimNames(names: readonly string[]): Set<string> {
  checkClaims(Object.fromEntries(names.map(name => [name, 'any'])))
  return new Set(names)
}

/** In hexadecimal digits, so that no character of the value is read as SQL, whatever the settings of the session. */
function literal(value: string) {
  return `convert_from(decode('${Buffer.from(value).toString('hex')}', 'hex'), 'UTF8')`
}
