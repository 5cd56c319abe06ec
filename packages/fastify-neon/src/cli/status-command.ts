/**
 * What `npx fastify-neon status` does, but for the process around it.
 */
import { exitCodeOf, readMigrationStatus } from '../migrations/migrations.ts'
import { runCommand } from './command.ts'
import { readStatusCommand, STATUS_USAGE, type StatusCommand } from './migration-options.ts'
import { statusLines } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'

/**
 * Resolves with the exit code: 0 when the database has what the folder has; 1 when there is no database; 2
 * when it was asked wrongly; and that of a finding.
 */
export function showStatus(args: string[], terminal: Terminal): Promise<number> {
  const read = () => readStatusCommand(args, terminal.env)
  return runCommand({ usage: STATUS_USAGE, read, run: command => show(command, terminal) }, terminal)
}

async function show({ source, isJson }: StatusCommand, { print }: Terminal): Promise<number> {
  const { plan: _texts, ...status } = await readMigrationStatus(source)
  const exitCode = exitCodeOf(status.findings)
  print(isJson ? toJson({ ...status, exitCode }) : statusLines(status).join('\n'))
  return exitCode
}
