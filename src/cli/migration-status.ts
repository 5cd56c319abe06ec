/**
 * `npm run db:status`: what is applied and what is not. Exits with 0 when the database has what the folder
 * has, with 1 when there is no database, with 2 when it was asked wrongly, and with the code of a finding.
 */
import { exitCodeOf, readMigrationStatus } from '../neon/migrations.ts'
import { redact } from '../neon/redact.ts'
import { readStatusCommand, STATUS_USAGE, UsageError } from './migration-options.ts'
import { messageOf, statusLines } from './migration-report.ts'

await run(process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = error instanceof UsageError ? 2 : 1
  process.stderr.write(
    `${redact(messageOf(error))}\n${error instanceof UsageError ? `\n${STATUS_USAGE}\n` : ''}`
  )
})

async function run(args: string[]) {
  const command = readStatusCommand(args)
  if (command === undefined) return print(STATUS_USAGE)
  const { plan: _texts, ...status } = await readMigrationStatus(command.source)
  const exitCode = exitCodeOf(status.findings)
  process.exitCode = exitCode
  if (command.isJson) print(JSON.stringify({ ...status, exitCode }, null, 2))
  else print(statusLines({ ...status, plan: [] }).join('\n'))
}

function print(text: string) {
  process.stdout.write(`${text}\n`)
}
