/**
 * What `npx fastify-neon migrate` does, but for the process around it.
 */

import { redact } from '../connection-string/redact.ts'
import {
  applyMigrations,
  exitCodeOf,
  FailedMigration,
  type MigrationEvent,
  RefusedMigrations,
  readMigrationStatus
} from '../migrations/migrations.ts'
import { MIGRATE_USAGE, type MigrateCommand, readMigrateCommand } from './migration-options.ts'
import { errorLines, findingLines, lineOfEvent, messageOf, runLine } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/**
 * Resolves with the exit code: 0; 1 when a migration failed or there is no database; 2 when it was asked
 * wrongly; that of a finding when it refuses; and that of schema-missing when tables of what is applied are gone.
 */
export async function migrate(args: string[], terminal: Terminal): Promise<number> {
  const applied: Applied[] = []
  const run = async () => {
    const command = readMigrateCommand(args, terminal.env)
    if (command === undefined) return printUsage(terminal)
    return command.isDryRun ? showPlan(command, terminal) : apply(command, terminal, applied)
  }
  return run().catch((error: unknown) => fail(error, terminal, args.includes('--json') ? applied : undefined))
}

interface Applied {
  migration: string
  durationMs: number
}

function printUsage({ print }: Terminal) {
  print(MIGRATE_USAGE)
  return 0
}

async function apply(
  { options, isJson }: MigrateCommand,
  { print, printError }: Terminal,
  applied: Applied[]
) {
  const report = (event: MigrationEvent) => {
    if (!isJson) print(lineOfEvent(event))
    if (event.type === 'applied')
      applied.push({ migration: event.migration, durationMs: Math.round(event.durationMs) })
  }
  const result = await applyMigrations({ ...options, report })
  const { total, findings } = result
  const exitCode = exitCodeOf(findings.filter(({ kind }) => kind === 'schema-missing'))
  if (isJson) {
    print(toJson({ applied, total, findings, exitCode }))
    return exitCode
  }
  print(runLine(result))
  for (const line of findings.flatMap(findingLines)) printError(line)
  return exitCode
}

async function showPlan({ options, isJson }: MigrateCommand, { print, printError }: Terminal) {
  const { plan, ...status } = await readMigrationStatus(options)
  const findings = status.findings.filter(({ kind }) => kind !== 'pending')
  const pending = plan.map(({ name, text }) => ({ migration: name, sql: text.trimEnd() }))
  const exitCode = exitCodeOf(findings)
  if (isJson) {
    print(toJson({ pending, findings, exitCode }))
    return exitCode
  }
  for (const { migration, sql } of pending) print(`-- ${migration}\n${sql}\n`)
  if (pending.length === 0) print('nothing is pending')
  for (const line of findings.flatMap(findingLines)) printError(line)
  return exitCode
}

/** `applied` is there when JSON is wanted. */
function fail(error: unknown, { print, printError }: Terminal, applied: Applied[] | undefined): number {
  const exitCode = exitCodeFor(error)
  if (applied) print(toJson({ applied, ...jsonOf(error), exitCode }))
  else for (const line of errorLines(error)) printError(line)
  if (error instanceof UsageError) printError(`\n${MIGRATE_USAGE}`)
  return exitCode
}

function exitCodeFor(error: unknown): number {
  if (error instanceof UsageError) return 2
  return error instanceof RefusedMigrations ? exitCodeOf(error.findings) : 1
}

function jsonOf(error: unknown) {
  const message = redact(messageOf(error))
  if (error instanceof FailedMigration) return { error: message, failure: error.failure }
  if (error instanceof RefusedMigrations) return { error: message, findings: error.findings }
  return { error: message }
}
