/**
 * The process around a command: settings from the environment and an `.env` beside it, and the two streams.
 */
import { existsSync } from 'node:fs'
import type { Terminal } from './migrate-command.ts'

export function openTerminal(): Terminal {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return {
    env: process.env,
    print: text => process.stdout.write(`${text}\n`),
    printError: text => process.stderr.write(`${text}\n`)
  }
}
