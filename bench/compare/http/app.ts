/**
 * What each contestant over HTTP is told and gives, and its settings.
 */
import type { FastifyInstance } from 'fastify'
import { type Config, loadConfig } from '../../../src/config.ts'

export interface AppOptions {
  /** Through the relay. */
  url: string
  /** Where the keys of the tokens are, as the service takes it. */
  issuer: Record<string, string>
}

export interface AppModule {
  build(options: AppOptions): Promise<FastifyInstance>
}

/** The defaults, with no log and no limit for the one user that asks. */
export function configOf({ url, issuer }: AppOptions): Config {
  return loadConfig({ ...issuer, DATABASE_URL: url, LOG_LEVEL: 'silent', RATE_LIMIT_PER_MINUTE: '0' })
}

/** Connections of each, which is the project's default. */
export const POOL_MAX = 10
