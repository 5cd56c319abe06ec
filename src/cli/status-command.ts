/**
 * What `npm run db:status` does, but for the process around it.
 */

import { UsageError } from '../gate/usage-error.ts'
import { exitCodeOf, readMigrationStatus } from '../neon/migrations.ts'
import { redact } from '../neon/redact.ts'
import { readStatusCommand, STATUS_USAGE } from './migration-options.ts'
import { messageOf, statusLines } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'

/**
 * Resolves with the exit code: 0 when the database has what the folder has; 1 when there is no database; 2
 * when it was asked wrongly; and that of a finding.
 */
export async function showStatus(args: string[], terminal: Terminal): Promise<number> {
  return show(args, terminal).catch((error: unknown) => {
    const isUsage = error instanceof UsageError
    terminal.printError(redact(messageOf(error)))
    if (isUsage) terminal.printError(`\n${STATUS_USAGE}`)
    return isUsage ? 2 : 1
  })
}

async function show(args: string[], { env, print }: Terminal): Promise<number> {
  const command = readStatusCommand(args, env)
  if (command === undefined) {
    print(STATUS_USAGE)
    return 0
  }
  const { plan: _texts, ...status } = await readMigrationStatus(command.source)
  const exitCode = exitCodeOf(status.findings)
  print(command.isJson ? toJson({ ...status, exitCode }) : statusLines(status).join('\n'))
  return exitCode
}
