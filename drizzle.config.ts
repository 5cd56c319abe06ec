/**
 * Settings of drizzle-kit: where the schema is, where migrations go, and the
 * direct URL, since a transaction pooler is no place for migrations.
 */
import { existsSync } from 'node:fs'
import { defineConfig } from 'drizzle-kit'
import { deriveDirectUrl } from './packages/fastify-neon/src/connection-string/host.ts'

/* c8 ignore next -- no .env is where the tests run */
if (existsSync('.env')) process.loadEnvFile('.env')

const { DATABASE_URL = '', DATABASE_URL_UNPOOLED } = process.env

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/db/schema.ts',
  out: './drizzle',
  // `generate` needs no database; `migrate` without a URL stops and says so.
  dbCredentials: { url: DATABASE_URL_UNPOOLED ? DATABASE_URL_UNPOOLED : deriveDirectUrl(DATABASE_URL) }
})
