/**
 * What `npx fastify-neon check` does: it is the command of the package migration-lint, which the project may have.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Terminal } from './terminal.ts'

const LINT = 'migration-lint'

const MISSING = `check is the package ${LINT}, which this project does not have: npm install --save-dev ${LINT}`

/** Resolves with the exit code of the lint; 1 when there is none, or it was killed. */
export async function check(args: string[], { env, printError }: Terminal): Promise<number> {
  const program = findLint()
  if (program === undefined) {
    printError(MISSING)
    return 1
  }
  const lint = spawn(process.execPath, [...process.execArgv, program, ...args], { env, stdio: 'inherit' })
  const [exitCode] = await once(lint, 'close')
  return exitCode ?? 1
}

/** Of the project where the command is started. */
function findLint(): string | undefined {
  try {
    const project = createRequire(join(process.cwd(), 'package.json'))
    const manifest = project.resolve(`${LINT}/package.json`)
    return join(dirname(manifest), project(manifest).bin[LINT])
  } catch {
    return undefined
  }
}
