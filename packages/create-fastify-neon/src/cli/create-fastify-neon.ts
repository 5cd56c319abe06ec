#!/usr/bin/env node
/**
 * The process of `npm create fastify-neon`.
 */
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { runCreate } from './command.ts'
import { install } from './install.ts'
import { swallowedFlags } from './swallowed-flags.ts'

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())

process.exitCode = await runCreate([...process.argv.slice(2), ...swallowedFlags(process.env)], {
  templates: fileURLToPath(new URL('../../template', import.meta.url)),
  cwd: process.cwd(),
  print: text => process.stdout.write(`${text}\n`),
  printError: text => process.stderr.write(`${text}\n`),
  ask: process.stdin.isTTY ? ask : undefined,
  install,
  signal: stopping.signal
})

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await terminal.question(question, { signal: stopping.signal })
  } finally {
    terminal.close()
  }
}
