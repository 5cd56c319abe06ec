/**
 * `npm run db:migrate`: applies the pending migrations and names each. Exits with 0, with 1 when one failed
 * or there is no database, with 2 when it was asked wrongly, and with the code of a finding when it refuses.
 */
import {
  applyMigrations,
  exitCodeOf,
  FailedMigration,
  type MigrationEvent,
  type MigrationFinding,
  RefusedMigrations,
  readMigrationStatus
} from '../neon/migrations.ts'
import { redact } from '../neon/redact.ts'
import { MIGRATE_USAGE, type MigrateCommand, readMigrateCommand, UsageError } from './migration-options.ts'
import { errorLines, findingLines, lineOfEvent, messageOf, runLine } from './migration-report.ts'

let isJson = process.argv.includes('--json')
const applied: { migration: string; durationMs: number }[] = []

await run(process.argv.slice(2)).catch(fail)

async function run(args: string[]) {
  const command = readMigrateCommand(args)
  if (command === undefined) return print([MIGRATE_USAGE])
  isJson = command.isJson
  return command.isDryRun ? showPlan(command) : migrate(command)
}

async function migrate({ options }: MigrateCommand) {
  const result = await applyMigrations({ ...options, report })
  if (isJson) printJson({ applied, total: result.total, findings: result.findings, exitCode: 0 })
  else print([runLine(result)])
  warn(result.findings)
}

async function showPlan({ options }: MigrateCommand) {
  const { plan, findings } = await readMigrationStatus(options)
  const about = findings.filter(({ kind }) => kind !== 'pending')
  const pending = plan.map(({ name, text }) => ({ migration: name, sql: text.trimEnd() }))
  const exitCode = exitCodeOf(about)
  if (isJson) printJson({ pending, findings: about, exitCode })
  else
    print(
      pending.length === 0
        ? ['nothing is pending']
        : pending.map(({ migration, sql }) => `-- ${migration}\n${sql}\n`)
    )
  warn(about)
  process.exitCode = exitCode
}

function report(event: MigrationEvent) {
  if (event.type === 'applied')
    applied.push({ migration: event.migration, durationMs: Math.round(event.durationMs) })
  if (!isJson) print([lineOfEvent(event)])
}

function fail(error: unknown) {
  const exitCode = exitCodeFor(error)
  process.exitCode = exitCode
  if (isJson) return printJson({ applied, ...jsonOf(error), exitCode })
  process.stderr.write(`${errorLines(error).join('\n')}\n`)
  if (error instanceof UsageError) process.stderr.write(`\n${MIGRATE_USAGE}\n`)
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

function warn(findings: MigrationFinding[]) {
  if (!isJson) for (const line of findings.flatMap(findingLines)) process.stderr.write(`${line}\n`)
}

function print(lines: string[]) {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

function printJson(document: object) {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}
