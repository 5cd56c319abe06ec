/**
 * Reads the settings from the environment: a frozen Config, or one error that
 * names every problem, the rule and the fix, and never the value of a secret.
 */
import envSchema from 'env-schema'
import { errorsOf, type Finding, isLoopbackHost, verifyConnectionUrl } from 'fastify-neon/connection-string'
import { ConfigInvalidError } from './errors.ts'
import { KUBERNETES_DRAIN_DELAY_MS, NO_ROLE, Settings } from './settings.ts'

export { DEFAULT_ROLE, NO_ROLE } from './settings.ts'

export type Environment = Record<string, string | undefined>

/** The issuer of `npm run token`, whose keys are on the developer's machine. */
export const DEVELOPMENT_ISSUER = 'urn:fastify-neon:development'

const SECOND_MS = 1000
// Between the end of the process and the kill by the kubelet.
const KILL_MARGIN_MS = 2000

/** What is wrong with one variable, which the message names; never its value. */
interface Problem {
  message: string
  fix: string
}

export type Config = Readonly<ReturnType<typeof configOf>>

/** Throws APP_CONFIG_INVALID, with all problems in its message. */
export function loadConfig(env: Environment): Config {
  const given = withoutEmpty(env)
  const { settings, problems } = readSettings(given)
  const url = verifyConnectionUrl(given.DATABASE_URL)
  problems.push(
    ...errorsOf(url.findings),
    ...unpooledProblems(given),
    ...keysProblems(given),
    ...originProblems(given),
    ...redisProblems(given),
    ...tlsProblems(given)
  )
  if (settings) {
    problems.push(
      ...portProblems(settings),
      ...shutdownProblems(settings, drainDelayMs(settings, given)),
      ...issuerProblems(settings, url.connection?.isLoopback ?? true)
    )
  }
  if (settings === undefined || problems.length > 0) throw new ConfigInvalidError(report(problems))
  return Object.freeze(
    configOf(settings, { findings: url.findings, drainDelayMs: drainDelayMs(settings, given) })
  )
}

/** Outside Kubernetes nothing sends traffic for a while after the process was asked to stop. */
function drainDelayMs(
  { DRAIN_DELAY_MS: given }: Settings,
  { KUBERNETES_SERVICE_HOST: kubernetes }: Environment
) {
  return given ?? (kubernetes === undefined ? 0 : KUBERNETES_DRAIN_DELAY_MS)
}

interface Derived {
  findings: Finding[]
  drainDelayMs: number
}

function configOf(settings: Settings, { findings, drainDelayMs }: Derived) {
  return {
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
    drainDelayMs,
    shutdownTimeoutMs: settings.SHUTDOWN_TIMEOUT_MS,
    database: {
      connectionString: settings.DATABASE_URL,
      role: roleOf(settings.DATABASE_ROLE),
      max: settings.DATABASE_POOL_MAX,
      maxPipelined: settings.DATABASE_MAX_PIPELINED,
      pipelining: settings.DATABASE_PIPELINING === 'on',
      errorDetails: settings.DATABASE_ERROR_DETAILS === 'on',
      checkoutTimeoutMs: settings.DATABASE_CHECKOUT_TIMEOUT_MS,
      connectTimeoutMs: settings.DATABASE_CONNECT_TIMEOUT_MS,
      statementTimeoutMs: settings.DATABASE_STATEMENT_TIMEOUT_MS
    },
    health: {
      listen:
        settings.HEALTH_PORT === undefined ? undefined : { host: settings.HOST, port: settings.HEALTH_PORT },
      mode: settings.HEALTH_MODE,
      onDatabaseDown: settings.HEALTH_ON_DATABASE_DOWN,
      token: settings.OPERATOR_TOKEN
    },
    isolation: {
      role: roleOf(settings.DATABASE_ROLE),
      warningLevel: settings.ISOLATION_WARNING_LEVEL
    },
    auth: {
      issuer: settings.AUTH_ISSUER,
      audience: settings.AUTH_AUDIENCE,
      jwksUrl: settings.AUTH_JWKS_URL === undefined ? undefined : new URL(settings.AUTH_JWKS_URL),
      tokenType: settings.AUTH_TOKEN_TYPE
    },
    api: {
      rateLimitPerMinute: settings.RATE_LIMIT_PER_MINUTE,
      redisUrl: settings.REDIS_URL,
      corsOrigins: originsOf(settings.CORS_ORIGINS),
      hasDocs: settings.API_DOCS === 'on'
    },
    /** What is worth a line in the log at start, such as parameters without effect. */
    notices: findings.filter(({ severity }) => severity !== 'error')
  }
}

/** What transactions switch to, as DATABASE_ROLE names it; undefined for the login's own. */
export function roleOf(name: string): string | undefined {
  return name === NO_ROLE ? undefined : name
}

/** A variable set to nothing, as compose files do, counts as not set. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

interface SchemaError {
  instancePath: string
  message: string
  params: { missingProperty?: string; allowedValues?: string[] }
}

function readSettings(env: Environment): { settings?: Settings; problems: Problem[] } {
  try {
    return { settings: envSchema<Settings>({ schema: Settings, data: env, env: false }), problems: [] }
  } catch (error) {
    /* c8 ignore next -- any other error is a mistake in the schema itself */
    if (!isSchemaFailure(error)) throw error
    // The verifier of connection strings says more about this one.
    const errors = error.errors.filter(({ params }) => params.missingProperty !== 'DATABASE_URL')
    return { problems: errors.map(schemaProblem) }
  }
}

function isSchemaFailure(error: unknown): error is { errors: SchemaError[] } {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}

function schemaProblem({ instancePath, message, params }: SchemaError): Problem {
  const { missingProperty, allowedValues } = params
  const variable = missingProperty ?? instancePath.slice(1)
  const rule = missingProperty
    ? 'is missing'
    : allowedValues
      ? `must be one of ${allowedValues.join(', ')}`
      : message
  const setting = Object.entries(Settings.properties).find(([name]) => name === variable)?.[1]
  const unset = setting?.default === undefined ? '' : `; ${setting.default} when it is not set`
  return { message: `${variable} ${rule}`, fix: `${setting?.description}${unset}` }
}

function unpooledProblems({ DATABASE_URL_UNPOOLED: url }: Environment): Problem[] {
  if (url === undefined) return []
  const variable = 'DATABASE_URL_UNPOOLED'
  const { connection, findings } = verifyConnectionUrl(url, { variable })
  if (!connection?.isPooled) return errorsOf(findings)
  return [
    {
      message: `${variable} is a pooled connection string`,
      fix: 'take -pooler out of the host, or unset it'
    }
  ]
}

function keysProblems({ AUTH_JWKS_URL: value, AUTH_ISSUER: issuer }: Environment): Problem[] {
  if (value === undefined) return issuer === undefined ? [] : discoveryProblems(issuer)
  const fix = 'give the https: address of the JWKS of your issuer, or a file: URL for keys on this machine'
  if (!URL.canParse(value)) return [{ message: 'AUTH_JWKS_URL is not a URL', fix }]
  // Whoever can change the answer on its way can sign tokens for anybody.
  return isTrustedUrl(value) || new URL(value).protocol === 'file:'
    ? []
    : [{ message: 'AUTH_JWKS_URL must be https: or file:, or http: on this machine', fix }]
}

function discoveryProblems(issuer: string): Problem[] {
  if (isTrustedUrl(issuer)) return []
  return [
    {
      message: 'AUTH_ISSUER is not an https: URL, so its keys cannot be found',
      fix: 'set AUTH_JWKS_URL to where its keys are, or AUTH_ISSUER to an issuer with an https: URL'
    }
  ]
}

/** Nobody on the way can change what it answers. */
export function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))
}

function redisProblems({ REDIS_URL: value }: Environment): Problem[] {
  if (value === undefined || (URL.canParse(value) && /^rediss?:$/.test(new URL(value).protocol))) return []
  return [
    {
      message: 'REDIS_URL is not a URL of a Redis',
      fix: 'give it like redis://user:password@host:6379, with rediss: for TLS; or unset it'
    }
  ]
}

function originsOf(list = ''): string[] {
  return list
    .split(',')
    .map(origin => origin.trim())
    .filter(origin => origin !== '')
}

function originProblems({ CORS_ORIGINS: list }: Environment): Problem[] {
  return originsOf(list)
    .filter(origin => !isOrigin(origin))
    .map(origin => ({
      message: `CORS_ORIGINS has ${JSON.stringify(origin)}, which is not an origin that can be trusted`,
      fix: 'give each as a browser sends it, like https://app.example: no path, no slash at the end, no *; http: only for this machine'
    }))
}

/** As a browser writes it, or it would never be equal to what one sends. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { origin, hostname } = new URL(text)
  return origin === text && !hostname.includes('*') && isTrustedUrl(text)
}

function tlsProblems({ NODE_TLS_REJECT_UNAUTHORIZED: value }: Environment): Problem[] {
  if (value !== '0') return []
  return [
    {
      message: 'NODE_TLS_REJECT_UNAUTHORIZED=0 switches the check of certificates off',
      fix: 'unset it; for an own certificate authority set NODE_EXTRA_CA_CERTS'
    }
  ]
}

function portProblems({ PORT: port, HEALTH_PORT: healthPort }: Settings): Problem[] {
  if (port === 0 || port !== healthPort) return []
  return [{ message: 'HEALTH_PORT is that of PORT', fix: 'take another one, or unset it' }]
}

function shutdownProblems(settings: Settings, delayMs: number): Problem[] {
  const { SHUTDOWN_TIMEOUT_MS: timeoutMs, TERMINATION_GRACE_PERIOD_SECONDS: graceSeconds } = settings
  const problems: Problem[] = []
  if (delayMs >= timeoutMs) {
    problems.push({
      message: 'DRAIN_DELAY_MS must be less than SHUTDOWN_TIMEOUT_MS',
      fix: `the drain delay, here ${delayMs}, is part of the shutdown: lower the one or raise the other`
    })
  }
  if (graceSeconds !== undefined && timeoutMs + KILL_MARGIN_MS > graceSeconds * SECOND_MS) {
    problems.push({
      message: `SHUTDOWN_TIMEOUT_MS must end ${KILL_MARGIN_MS} ms before TERMINATION_GRACE_PERIOD_SECONDS`,
      fix: 'otherwise the kubelet kills requests that are under way: lower the one or raise the other, there and in the pod'
    })
  }
  return problems
}

function issuerProblems(settings: Settings, isLocalDatabase: boolean): Problem[] {
  const isOfThisMachine = isLocalDatabase || isLoopbackHost(settings.HOST)
  // Anybody on this machine can sign tokens of that issuer.
  if (settings.AUTH_ISSUER !== DEVELOPMENT_ISSUER || isOfThisMachine) return []
  return [
    {
      message:
        'AUTH_ISSUER is the development issuer, beside a database and a HOST that are not on this machine',
      fix: 'set AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL to those of your issuer, or HOST to 127.0.0.1'
    }
  ]
}

function report(problems: Problem[]): string {
  const lines = problems.map(({ message, fix }) => `  - ${message}\n    ${fix}`)
  return `the settings have ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${lines.join('\n')}`
}
