/**
 * The parameters behind the ? of a connection string: which are known, which have an effect on this
 * driver, and what sslmode and options must be.
 */
import type { FindingCode, Report } from './findings.ts'
import { type Place, withoutPooler } from './host.ts'
import { decode, LONE_PERCENT } from './percent-encoding.ts'

export type Parameters = Map<string, string[]>

const MAX_NAME_LENGTH = 40
const MAX_NAMES = 5
const SETTING_OPTION = /(?:^|\s)-[c-]/
const ENDPOINT_OPTION = /^(?:endpoint|project)=/

const STRONG_SSLMODES = new Set(['require', 'verify-ca', 'verify-full'])
const WEAK_SSLMODES = new Set(['disable', 'allow', 'prefer'])

/** The parameters that are understood, by the rule that speaks of them; null: fine, or a rule of its own. */
const PARAMETERS = new Map<string, FindingCode | null>([
  ...group(null, 'sslmode options application_name fallback_application_name client_encoding'),
  ...group('tls-file', 'sslrootcert sslcert sslkey sslcrl sslcrldir sslpassword'),
  ...group('timeout-dropped', 'statement_timeout lock_timeout idle_in_transaction_session_timeout'),
  ...group('timeout-dropped', 'idle_session_timeout transaction_timeout'),
  ...group('parameter-overrides', 'host hostaddr port user password passfile dbname database service'),
  ...group(
    'parameter-without-effect',
    'channel_binding connect_timeout sslnegotiation ssl sslsni sslcompression'
  ),
  ...group(
    'parameter-without-effect',
    'ssl_min_protocol_version ssl_max_protocol_version gssencmode require_auth'
  ),
  ...group('parameter-without-effect', 'keepalives keepalives_idle keepalives_interval keepalives_count'),
  ...group(
    'parameter-without-effect',
    'tcp_user_timeout target_session_attrs load_balance_hosts uselibpqcompat'
  ),
  ...group(
    'parameter-without-effect',
    'pgbouncer schema pool_timeout connection_limit socket_timeout sslaccept'
  ),
  ...group('parameter-without-effect', 'statement_cache_size max_idle_connection_lifetime pool_mode')
])
const SECRET_PARAMETERS = ['password', 'sslpassword']

export function readParameters(query: string, report: Report): Parameters {
  if (query.search(LONE_PERCENT) !== -1) report('parameter-not-encoded')
  decode(query, report)
  const parameters: Parameters = new Map()
  for (const [name, value] of new URLSearchParams(query)) {
    parameters.set(name, [...(parameters.get(name) ?? []), value])
  }
  return parameters
}

/** Names of our own table may be told at any time; other names only when the password is known for sure. */
export function checkParameters(parameters: Parameters, password: string | undefined, report: Report): void {
  const names = [...parameters.keys()]
  for (const code of new Set(PARAMETERS.values())) {
    const affected = names.filter(name => PARAMETERS.get(name) === code)
    if (code !== null && affected.length > 0) report(code, { names: affected.join(', ') })
  }
  if (parameters.get('host')?.some(host => host.startsWith('/'))) report('host-socket')

  const secret = SECRET_PARAMETERS.some(name => parameters.has(name)) ? undefined : password
  const unknown = names.filter(name => !PARAMETERS.has(name))
  if (unknown.length > 0) report('parameter-unknown', { names: quote(unknown, secret) })
  const repeated = names.filter(name => parameters.get(name)?.[1] !== undefined)
  if (repeated.length > 0) report('parameter-repeated', { names: quote(repeated, secret) })
}

function quote(names: string[], password: string | undefined): string {
  if (password === undefined || names.some(name => name.includes(password))) {
    return '(name withheld, since it might be a piece of a secret)'
  }
  const shown = names
    .slice(0, MAX_NAMES)
    .map(name => [...name.replace(/\p{C}/gu, '')].slice(0, MAX_NAME_LENGTH))
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return shown.map(letters => letters.join('')).join(', ') + rest
}

export function checkSslmode(modes: string[] = [], place: Place | undefined, report: Report): void {
  if (modes.some(mode => !STRONG_SSLMODES.has(mode) && !WEAK_SSLMODES.has(mode))) report('sslmode-unknown')
  if (place === undefined || place.isLoopback) return
  if (modes.length === 0) report('sslmode-missing')
  if (modes.some(mode => WEAK_SSLMODES.has(mode))) report('sslmode-weak')
}

export function checkOptions(values: string[] = [], place: Place | undefined, report: Report): void {
  if (values.length === 0) return
  const refused = place?.isPooled && values.some(value => SETTING_OPTION.test(value))
  report(refused ? 'options-refused-by-pooler' : 'options-forwarded')

  if (place?.endpointId === undefined) return
  const words = values.flatMap(value => value.toLowerCase().split(/\s+/))
  const endpoints = words
    .filter(word => ENDPOINT_OPTION.test(word))
    .map(word => word.replace(ENDPOINT_OPTION, ''))
  if (endpoints.some(endpoint => withoutPooler(endpoint) !== place.endpointId)) report('endpoint-mismatch')
}

function group(code: FindingCode | null, names: string): Array<[string, FindingCode | null]> {
  return names.split(' ').map(name => [name, code])
}

/** True when one of the modes asks for TLS. */
export function requiresTls(parameters: Parameters): boolean {
  return parameters.get('sslmode')?.some(mode => STRONG_SSLMODES.has(mode)) ?? false
}
