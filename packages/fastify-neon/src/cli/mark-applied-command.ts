/**
 * What `npx fastify-neon mark-applied` does, but for the process around it.
 */
import { type MarkReport, markApplied } from '../migrations/migrations.ts'
import { runCommand } from './command.ts'
import { MARK_USAGE, type MarkCommand, readMarkCommand } from './migration-options.ts'
import { lineOfEvent } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'

/**
 * Resolves with the exit code: 0 when the rows are written, or would be; 1 when they are not, or there is no database; and
 * 2 when it was asked wrongly.
 */
export function mark(args: string[], terminal: Terminal): Promise<number> {
  const read = () => readMarkCommand(args, terminal.env)
  return runCommand({ usage: MARK_USAGE, read, run: command => run(command, terminal) }, terminal)
}

async function run({ options, isJson }: MarkCommand, { print, printError }: Terminal): Promise<number> {
  const report = await markApplied({ ...options, report: event => printError(lineOfEvent(event)) })
  const exitCode = report.problems.length === 0 ? 0 : 1
  if (isJson) {
    print(toJson({ ...report, exitCode }))
    return exitCode
  }
  for (const line of markLines(report)) print(line)
  if (report.problems.length > 0) {
    printError('nothing was written:')
    for (const problem of report.problems) printError(`  ${problem}`)
  } else print(resultLine(report))
  return exitCode
}

function markLines({ marks }: MarkReport): string[] {
  return marks.flatMap(({ migration, present, missing, gone, unseen, isProven }) => [
    `${migration}: ${isProven ? 'the other ledger has it' : `${present.length} of ${present.length + missing.length} compared are in the database`}`,
    ...present.map(object => `  there    ${object}`),
    ...missing.map(object => `  missing  ${object}`),
    ...gone.map(object => `  gone     ${object}`),
    ...(unseen.length === 0 ? [] : [`  nothing to compare of line ${unseen.join(', ')}`])
  ])
}

function resultLine({ marks, written }: MarkReport): string {
  if (marks.length === 0) return 'nothing is pending'
  return written.length === 0
    ? `${marks.length} would be marked as applied`
    : `${written.length} marked as applied`
}
