/**
 * `npm run db:migrate`: applies the pending migrations and names each.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DatabaseError } from '@neondatabase/serverless'
import { errorsOf } from '../neon/connection-findings.ts'
import { deriveDirectUrl } from '../neon/connection-host.ts'
import { verifyConnectionUrl } from '../neon/connection-url.ts'
import { applyMigrations } from '../neon/migrations.ts'
import { redact } from '../neon/redact.ts'

// The same place from src/cli and from dist/cli.
const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url))

if (existsSync('.env')) process.loadEnvFile('.env')

await run().catch((error: Error) => {
  process.stderr.write(`migrations not applied: ${redact(explain(error))}\n`)
  process.exitCode = 1
})

async function run() {
  const { applied, total } = await applyMigrations({ url: directUrl(), folder: FOLDER })
  for (const name of applied) process.stdout.write(`applied ${name}\n`)
  process.stdout.write(
    applied.length === 0 ? `nothing to do: all ${total} are applied\n` : `${applied.length} applied\n`
  )
}

function directUrl() {
  const { DATABASE_URL, DATABASE_URL_UNPOOLED } = process.env
  const variable = DATABASE_URL_UNPOOLED ? 'DATABASE_URL_UNPOOLED' : 'DATABASE_URL'
  const value = DATABASE_URL_UNPOOLED ? DATABASE_URL_UNPOOLED : DATABASE_URL && deriveDirectUrl(DATABASE_URL)
  const { connection, findings } = verifyConnectionUrl(value, { variable })
  if (connection) return connection
  throw new Error(
    errorsOf(findings)
      .map(({ message, mend }) => `${message}\n  ${mend}`)
      .join('\n')
  )
}

/** What a person at a terminal needs: the server's own words, which a log of the service never has. */
function explain(error: Error): string {
  const origin = error.cause instanceof DatabaseError ? error.cause : error
  if (origin instanceof DatabaseError) return `${origin.message} (SQLSTATE ${origin.code})`
  return origin.message
}
