/**
 * `npm run token -- alice`: prints a token of the development issuer.
 */
import { existsSync } from 'node:fs'
import { runToken } from './token-command.ts'

if (existsSync('.env')) process.loadEnvFile('.env')
process.exitCode = await runToken(process.argv.slice(2), {
  env: process.env,
  output: process.stdout,
  errors: process.stderr
})
