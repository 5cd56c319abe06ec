/**
 * What `npx fastify-neon repair` does, but for the process around it.
 */
import { repairMigrations } from '../migrations/migrations.ts'
import { runCommand } from './command.ts'
import { REPAIR_USAGE, type RepairCommand, readRepairCommand } from './migration-options.ts'
import { lineOfEvent } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'

/**
 * Resolves with the exit code: 0 when everything is repaired, or would be; 1 when something is left, or there is no
 * database; and 2 when it was asked wrongly.
 */
export function repair(args: string[], terminal: Terminal): Promise<number> {
  const read = () => readRepairCommand(args, terminal.env)
  return runCommand({ usage: REPAIR_USAGE, read, run: command => run(command, terminal) }, terminal)
}

async function run({ options, isJson }: RepairCommand, { print, printError }: Terminal): Promise<number> {
  const { steps, problems } = await repairMigrations({
    ...options,
    report: event => printError(lineOfEvent(event))
  })
  const exitCode = problems.length === 0 ? 0 : 1
  if (isJson) {
    print(toJson({ steps, problems, exitCode }))
    return exitCode
  }
  for (const step of steps) print(step)
  if (options.forgetUnknown && steps.length > 0) print('what those migrations made stays in the database')
  for (const problem of problems) printError(problem)
  if (steps.length === 0 && problems.length === 0) print('nothing to repair')
  if (options.dryRun && steps.length > 0) print('nothing was changed, because of --dry-run')
  else if (steps.some(step => step.startsWith('journal'))) print('commit meta/_journal.json')
  return exitCode
}
