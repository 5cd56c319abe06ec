/**
 * The process around a command: settings from the environment and an `.env` beside it, and the two streams.
 */
import { existsSync } from 'node:fs'

/** Where a command reads its settings, and writes. */
export interface Terminal {
  env: NodeJS.ProcessEnv
  print: (text: string) => void
  printError: (text: string) => void
}

export function openTerminal(): Terminal {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return {
    env: process.env,
    print: text => process.stdout.write(`${text}\n`),
    printError: text => process.stderr.write(`${text}\n`)
  }
}

export function toJson(document: object): string {
  return JSON.stringify(document, null, 2)
}
