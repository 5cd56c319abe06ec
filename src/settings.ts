/**
 * Every setting of the service, with its type, range, default and meaning.
 * docs/configuration.md and .env.example are compared with it by a test.
 */
import { type Static, Type } from '@sinclair/typebox'
import { POOL_DEFAULTS } from './neon/pool.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const MAX_WAIT_MS = 600_000

const milliseconds = (defaultMs: number, description: string, minimum = 1) =>
  Type.Integer({ default: defaultMs, minimum, maximum: MAX_WAIT_MS, description })

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
    description: 'Port to listen on; 0 takes a free one'
  }),
  LOG_LEVEL: Type.Unsafe<(typeof LOG_LEVELS)[number]>({
    type: 'string',
    enum: LOG_LEVELS,
    default: 'info',
    description: 'Least severe level that is logged'
  }),
  DATABASE_URL: text('Connection string of the database, pooled or direct'),
  DATABASE_URL_UNPOOLED: Type.Optional(
    text('Direct connection string, for migrations; derived from DATABASE_URL when missing')
  ),
  DATABASE_POOL_MAX: Type.Integer({
    default: POOL_DEFAULTS.max,
    minimum: 1,
    maximum: 1000,
    description: 'Most connections of one process'
  }),
  DATABASE_CHECKOUT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.checkoutTimeoutMs,
    'Longest wait for a free connection'
  ),
  DATABASE_CONNECT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.connectTimeoutMs,
    'Longest time for a new connection, the wake of the compute included'
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: milliseconds(
    POOL_DEFAULTS.statementTimeoutMs,
    'Longest wait for the answer to one statement'
  ),
  AUTH_ISSUER: text('The iss that tokens must have'),
  AUTH_AUDIENCE: text('The aud that tokens must have'),
  AUTH_JWKS_URL: text('Where the public keys of the issuer are: https:, or file: for keys on this machine'),
  DRAIN_DELAY_MS: milliseconds(
    0,
    'Time between SIGTERM and the close, in which readiness is 503 and requests are served',
    0
  ),
  SHUTDOWN_TIMEOUT_MS: milliseconds(20_000, 'Longest time from SIGTERM to the exit, the drain delay included')
})

export type Settings = Static<typeof Settings>
