#!/usr/bin/env node
/**
 * The process of `npx migration-lint`, which is `npx fastify-neon check` too.
 */
import { runLint } from './command.ts'

const printTo = (stream: NodeJS.WriteStream) => (text: string) => stream.write(`${text}\n`)

process.exitCode = await runLint(process.argv.slice(2), {
  print: printTo(process.stdout),
  printError: printTo(process.stderr)
})
