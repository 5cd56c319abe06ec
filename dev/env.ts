/**
 * `npm run dev:env -s`: the settings of a service on the local database, a line each, as
 * `env $(npm run dev:env -s) npm start` takes them.
 */
import { existsSync } from 'node:fs'
import { findLocalDatabase, serviceSettings } from './local-database.ts'

if (existsSync('.env')) process.loadEnvFile('.env')

const settings = await serviceSettings(process.env)
if (settings === undefined) {
  process.stderr.write(`${(await findLocalDatabase(process.env)).message}\n`)
  process.exitCode = 1
} else for (const [name, value] of Object.entries(settings)) process.stdout.write(`${name}=${value}\n`)
