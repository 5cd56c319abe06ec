/**
 * `npm run db:migrate` and the other commands of fastify-neon in this project: on the local database that runs, where
 * no setting names another one.
 */
import { existsSync } from 'node:fs'
import { findLocalDatabase, lacksDatabase } from './local-database.ts'

if (existsSync('.env')) process.loadEnvFile('.env')

if (lacksDatabase(process.argv, process.env)) {
  const { url, message } = await findLocalDatabase(process.env)
  // Beside what the command prints, which may be JSON.
  process.stderr.write(`${message}\n`)
  if (url !== undefined) process.env.DATABASE_URL = url
}
// It takes the settings when it is loaded.
await import('../packages/fastify-neon/src/cli/main.ts')
