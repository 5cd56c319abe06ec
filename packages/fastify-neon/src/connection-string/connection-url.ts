/**
 * What a Postgres URL must be to be used here: verifies it, with every finding at once, and says where it
 * points. No finding quotes what may be a piece of a password.
 */
import { UrlInvalidError } from '../errors/errors.ts'
import { createReport, errorsOf, type Finding, type Report } from './findings.ts'
import { describeNeon, namesPooledEndpoint, type Place, readPlace } from './host.ts'
import {
  checkOptions,
  checkParameters,
  checkSslmode,
  type Parameters,
  readParameters,
  requiresTls
} from './parameters.ts'
import { decode } from './percent-encoding.ts'
import { checkPlaceholders, isTemplate } from './placeholders.ts'

export interface ConnectionUrl extends Place {
  /** As written, 5432 when it is not. Over the WebSocket the driver uses 443 on Neon all the same. */
  port: number
  database: string
  user: string
  /** The WebSocket must be wss; false on loopback only, when sslmode does not ask for TLS. */
  secure: boolean
  /** The `options` parameter, decoded. */
  options?: string
  /** Not enumerable, so that it is neither logged nor copied by accident. */
  readonly password: string
  /** The URL as given, for tools such as psql and drizzle-kit; not enumerable, for the same reason. */
  readonly href: string
}

export interface Verification {
  /** Present exactly when no finding is an error. */
  connection?: ConnectionUrl
  findings: Finding[]
}

const MAX_LENGTH = 4096
const DEFAULT_PORT = 5432
const MAX_PORT = 65_535

/** Control and format characters and lone surrogates; whitespace has rules of its own. */
const INVISIBLE = /(?!\s)[\p{Cc}\p{Cf}\p{Cs}]|%(?:[01][\da-f]|7f)/iu
/** The driver reads the URL as http, so that a backslash is a slash; a lone % makes it encode all others twice. */
const MUST_ENCODE = /[@:/?#\\\s]|%(?![\da-f]{2})/i
const QUOTES = /^['"`“”‘’]+|['"`“”‘’]+$/g
const PSQL_COMMAND = /^psql\s.*?(?=postgres(?:ql)?:\/\/)/is
const ASSIGNMENT = /^(?:(?:export|set)\s+)?\w+\s*=\s*['"]?(?=postgres(?:ql)?:\/\/)/i
const SCHEME = /^(?:jdbc:)?[a-z][a-z\d+.-]*:\/\//i

/** The first that matches the scheme says what to do. */
const SCHEME_FIXES: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^jdbc:/i,
    'Remove jdbc: and move user and password in front of the host: postgresql://user:password@host/…'
  ],
  [/^https?:/i, 'That is a web address; copy the connection string from the Neon console, under Connect.'],
  [/^postgres(?:ql)?\+/i, 'Remove the name of the driver behind the plus sign: postgresql://…'],
  [/^prisma/i, 'That address is for Prisma alone; use the connection string of the database behind it.'],
  [
    /^(?:mysql|mariadb|mongodb|redis|sqlite|file|libsql|mssql|sqlserver)/i,
    'That is another database; use Postgres.'
  ]
]

/** The URL cut at its separators; nothing is decoded or checked yet. */
interface Pieces {
  user: string
  password: string
  host: string
  port: string
  path: string
  query: string
}

type Login = Pick<ConnectionUrl, 'user' | 'password' | 'database'>
/**
 * Says everything that is wrong or worth knowing about a connection string, as far as it can be understood.
 * A value that needs repair is refused, never repaired in silence.
 */
export function verifyConnectionUrl(
  value: string | undefined,
  options: { variable?: string } = {}
): Verification {
  const { variable = 'DATABASE_URL' } = options
  const { findings, report } = createReport(variable)
  const pieces = readPieces(value, report)
  if (value === undefined || pieces === undefined) return { findings }

  const login = readLogin(pieces, report)
  const port = readPort(pieces.port, report)
  const place = readPlace(pieces.host, report, isTemplate)
  const parameters = readParameters(pieces.query, report)
  checkPlaceholders(pieces, place, report)
  // When anything is wrong so far, a piece of the password may pass for a host or a parameter: quote nothing.
  const isWhole = findings.length === 0
  checkParameters(parameters, isWhole ? login.password : undefined, report)
  checkSslmode(parameters.get('sslmode'), place, report)
  checkOptions(parameters.get('options'), place, report)
  if (place?.isNeon && port !== DEFAULT_PORT) report('port-ignored')
  if (place?.isNeon && isWhole) report('neon-endpoint', { names: describeNeon(place) })

  if (place === undefined || errorsOf(findings).length > 0) return { findings }
  return { connection: createConnection({ login, place, port, parameters, href: value }), findings }
}

/** Throws FST_NEON_URL_INVALID with every finding that is an error; `variable` names the text in them. */
export function verifiedUrl(text: string | undefined, variable: string): ConnectionUrl {
  const { connection, findings } = verifyConnectionUrl(text, { variable })
  if (connection) return connection
  throw new UrlInvalidError(
    errorsOf(findings)
      .map(({ message, fix }) => `${message}: ${fix}`)
      .join('; ')
  )
}

function readPieces(value: string | undefined, report: Report): Pieces | undefined {
  if (value === undefined) return report('value-missing')
  if (value.trim() === '') return report('value-empty')
  if (value.length > MAX_LENGTH) return report('value-too-long', { names: String(MAX_LENGTH) })

  if (value !== value.trim()) report('whitespace-around')
  if (INVISIBLE.test(value)) report('control-character')
  const text = unwrap(value.trim(), report)
  const scheme = SCHEME.exec(text)?.[0]
  if (scheme === undefined) return report('not-a-url')
  if (/\s/.test(text)) report('whitespace-inside')
  if (scheme !== 'postgresql://' && scheme !== 'postgres://') {
    report('scheme-wrong', { fix: SCHEME_FIXES.find(([pattern]) => pattern.test(scheme))?.[1] })
    if (!/^(?:jdbc:)?postgres/i.test(scheme)) return
  }
  return split(text.slice(scheme.length), report)
}

/** Takes away what was pasted around the URL, to see what else there is to say about it. */
function unwrap(text: string, report: Report): string {
  if (PSQL_COMMAND.test(text)) {
    report('psql-command')
    return text.replace(PSQL_COMMAND, '').replace(/['"](?:\s.*)?$/s, '')
  }
  if (ASSIGNMENT.test(text)) report('assignment-pasted')
  else if (text.search(QUOTES) !== -1) report('quoted')
  return text.replace(ASSIGNMENT, '').replace(QUOTES, '').trim()
}

function split(rest: string, report: Report): Pieces {
  const at = separatorAt(rest, report)
  const [user, password] = cut(rest.slice(0, Math.max(at, 0)), ':')
  const [beforeFragment] = cut(rest.slice(at + 1), '#')
  if (beforeFragment.length < rest.length - at - 1) report('fragment')
  const [authorityAndPath, query] = cut(beforeFragment, '?')
  const [authority, path] = cut(authorityAndPath, '/')
  const [host, port] = cut(authority, ':', authority.startsWith('[') ? authority.indexOf(']') : 0)
  return { user, password, host, port, path, query }
}

/** The last @ is the one before the host, unless it stands in a parameter: then one before the ? is. */
function separatorAt(rest: string, report: Report): number {
  const last = rest.lastIndexOf('@')
  const query = rest.search(/\?[\w.-]+=/)
  const isUserinfoClosed = /^[^/?#]*@/.test(rest)
  if (!isUserinfoClosed || query === -1 || last < query) return last
  report('parameter-not-encoded')
  return rest.lastIndexOf('@', query)
}

function cut(text: string, separator: string, from = 0): [string, string] {
  const at = text.indexOf(separator, from)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

function readLogin(pieces: Pieces, report: Report): Login {
  const { path } = pieces
  if (pieces.user === '') report('user-missing')
  if (pieces.password === '') report('password-missing')
  if (path === '') report('database-missing')
  if (MUST_ENCODE.test(pieces.user)) report('user-not-encoded')
  if (MUST_ENCODE.test(pieces.password)) report('password-not-encoded')

  const user = decode(pieces.user, report)
  const database = decode(path, report)
  if (user.includes(':')) report('user-with-colon')
  // The driver decodes the name twice, so that a % in it would not survive.
  if (/[/\\&=]/.test(path) || database.includes('%')) report('database-invalid')
  return { user, password: decode(pieces.password, report), database }
}

function readPort(port: string, report: Report): number {
  if (port === '') return DEFAULT_PORT
  const isValid = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= MAX_PORT
  if (!isValid) report('port-invalid')
  return Number(port)
}

interface Verified {
  login: Login
  place: Place
  port: number
  parameters: Parameters
  href: string
}

function createConnection({ login, place, port, parameters, href }: Verified): ConnectionUrl {
  const { user, password, database } = login
  const options = parameters.get('options')?.at(-1)
  const connection: ConnectionUrl = {
    ...place,
    port,
    database,
    user,
    isPooled: place.isPooled || (place.isLoopback && namesPooledEndpoint(options)),
    secure: !place.isLoopback || requiresTls(parameters),
    ...(options !== undefined && { options }),
    get password() {
      return password
    },
    get href() {
      return href
    }
  }
  Object.defineProperty(connection, 'password', { enumerable: false })
  Object.defineProperty(connection, 'href', { enumerable: false })
  return Object.freeze(connection)
}
