/**
 * Every setting of the service, with its type, range, default and meaning.
 * docs/reference/configuration.md and .env.example are compared with it by a test.
 */
import { type Static, Type } from '@sinclair/typebox'
import { POOL_DEFAULTS } from 'fastify-neon/db'
import { DOWN_POLICIES, type DownPolicy, MODES, type Mode } from 'fastify-neon/health'
import { WARNING_LEVELS, type WarningLevel } from 'fastify-neon/isolation'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const SWITCH = ['on', 'off'] as const

const MAX_WAIT_MS = 600_000

// A kubelet and a load balancer hear of the end of a pod within a second or two; five cover a slow one.
export const KUBERNETES_DRAIN_DELAY_MS = 5000

const milliseconds = (defaultMs: number, description: string, minimum = 1) =>
  Type.Integer({ default: defaultMs, minimum, maximum: MAX_WAIT_MS, description })

/** Made by the migrations. */
export const DEFAULT_ROLE = 'app_user'
/** In place of a role: that of the login stays. */
export const NO_ROLE = 'none'

const text = (description: string) => Type.String({ minLength: 1, description })

export const Settings = Type.Object({
  HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address to listen on; 0.0.0.0 in a container'
  }),
  PORT: Type.Integer({
    default: 3000,
    minimum: 0,
    maximum: 65_535,
    description: 'Port to listen on; 0 is any free one'
  }),
  LOG_LEVEL: Type.Unsafe<(typeof LOG_LEVELS)[number]>({
    type: 'string',
    enum: LOG_LEVELS,
    default: 'info',
    description: 'Lowest level that is logged'
  }),
  DATABASE_URL: text('Connection string of the database, pooled or direct'),
  DATABASE_URL_UNPOOLED: Type.Optional(
    text('Direct connection string, for migrations. Derived from DATABASE_URL when not set')
  ),
  DATABASE_ROLE: Type.String({
    default: DEFAULT_ROLE,
    minLength: 1,
    description:
      'Role that each transaction switches to, so that row-level security applies; `none` keeps the role of the login'
  }),
  DATABASE_POOL_MAX: Type.Integer({
    default: POOL_DEFAULTS.max,
    minimum: 1,
    maximum: 1000,
    description: 'Most connections of one process to the database'
  }),
  DATABASE_MAX_PIPELINED: Type.Integer({
    default: POOL_DEFAULTS.maxPipelined,
    minimum: 1,
    maximum: 100,
    description: 'Most reads that share one connection when all are in use; 1 switches sharing off'
  }),
  DATABASE_PIPELINING: Type.Unsafe<(typeof SWITCH)[number]>({
    type: 'string',
    enum: SWITCH,
    default: 'on',
    description: 'Send a statement without waiting for the answer to the one before'
  }),
  DATABASE_ERROR_DETAILS: Type.Unsafe<(typeof SWITCH)[number]>({
    type: 'string',
    enum: SWITCH,
    default: 'off',
    description:
      'For development: log the own message of the database for an error, which may quote a value. npm run dev sets it'
  }),
  DATABASE_CHECKOUT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.checkoutTimeoutMs,
    'Longest wait for a free connection of the pool'
  ),
  DATABASE_CONNECT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.connectTimeoutMs,
    'Longest time to make a connection, including the wake of the compute'
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.statementTimeoutMs,
    'Longest wait for the answer to one statement'
  ),
  AUTH_ISSUER: text('The iss that tokens must have'),
  AUTH_AUDIENCE: text('The aud that tokens must have'),
  AUTH_JWKS_URL: Type.Optional(
    text(
      'URL of the public keys of the issuer: https:, or file: for keys on this machine. When not set, read from the metadata of the issuer: /.well-known/openid-configuration or /.well-known/oauth-authorization-server'
    )
  ),
  AUTH_TOKEN_TYPE: Type.Optional(
    text('The typ that the header of tokens must have, such as at+jwt. When not set: JWT, at+jwt or no typ')
  ),
  RATE_LIMIT_PER_MINUTE: Type.Integer({
    default: 600,
    minimum: 0,
    maximum: 1_000_000,
    description: 'Most requests of one user in a minute, in each process; 0 is no limit'
  }),
  REDIS_URL: Type.Optional(
    text(
      'redis: or rediss: URL of a Redis in which all replicas count requests together. When not set, each replica counts in its memory'
    )
  ),
  CORS_ORIGINS: Type.Optional(
    text('Origins of the pages that may call the API, separated by commas. When not set, none may')
  ),
  API_DOCS: Type.Unsafe<(typeof SWITCH)[number]>({
    type: 'string',
    enum: SWITCH,
    default: 'on',
    description: 'Serve the page /docs and the document /openapi.json'
  }),
  HEALTH_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'Additional port that serves only the probes and /metrics; 0 is any free one'
    })
  ),
  HEALTH_MODE: Type.Unsafe<Mode>({
    type: 'string',
    enum: MODES,
    default: 'passive',
    description:
      'passive lets an idle database sleep, interval asks it every 30 seconds, off leaves it out of readiness'
  }),
  HEALTH_ON_DATABASE_DOWN: Type.Unsafe<DownPolicy>({
    type: 'string',
    enum: DOWN_POLICIES,
    default: 'fail-open',
    description:
      '/readyz while a database that was reached before is down: 200 degraded (fail-open), or 503 (fail-closed)'
  }),
  ISOLATION_WARNING_LEVEL: Type.Unsafe<WarningLevel>({
    type: 'string',
    enum: WARNING_LEVELS,
    default: 'warn',
    description: 'Level of the log line that has the warnings of the RLS audit. npm run dev sets info'
  }),
  OPERATOR_TOKEN: Type.Optional(
    Type.String({
      minLength: 16,
      description:
        'Bearer token for the details of the probes and for /metrics. When not set, the probes show no details and /metrics needs no token'
    })
  ),
  DRAIN_DELAY_MS: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_WAIT_MS,
      description: `Time after SIGTERM in which /readyz is 503 and requests are still served. When not set, ${KUBERNETES_DRAIN_DELAY_MS} in Kubernetes and 0 elsewhere`
    })
  ),
  SHUTDOWN_TIMEOUT_MS: milliseconds(
    20_000,
    'Longest time from SIGTERM to the exit, including the drain delay'
  ),
  TERMINATION_GRACE_PERIOD_SECONDS: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 3600,
      description: 'terminationGracePeriodSeconds of the pod. SHUTDOWN_TIMEOUT_MS is checked against it'
    })
  )
})

export type Settings = Static<typeof Settings>
