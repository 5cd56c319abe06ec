/**
 * The local database that runs, for the commands of this project that no setting gives a database.
 */
import { findLocalNeon, localSettings } from 'local-neon/cli'
import type { Environment } from '../src/config.ts'
import { openIssuer } from './token-issuer.ts'

export interface Found {
  /** Undefined when none runs. */
  url?: string
  /** Where it is, or how one is started, for a person. */
  message: string
}

/** Whether a command of fastify-neon with these arguments would miss a database. */
export function lacksDatabase(args: readonly string[], env: Environment): boolean {
  return !env.DATABASE_URL && !env.DATABASE_URL_UNPOOLED && !args.includes('--help')
}

export async function findLocalDatabase(env: Environment): Promise<Found> {
  const running = await findLocalNeon(localSettings(env))
  return running
    ? { url: running.url, message: `database   the local one at 127.0.0.1:${running.port}` }
    : { message: 'no local database is running: npm run dev or npm run db:local starts one' }
}

/** What a service needs to use it with the tokens of the development issuer; undefined when none runs. */
export async function serviceSettings(env: Environment): Promise<Record<string, string> | undefined> {
  const { url } = await findLocalDatabase(env)
  if (url === undefined) return undefined
  const { settings } = await openIssuer(localSettings(env).directory)
  return { DATABASE_URL: url, ...settings }
}
