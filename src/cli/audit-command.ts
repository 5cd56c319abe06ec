/**
 * What `npm run db:audit` does, but for the process around it.
 */
import { UsageError } from '../gate/usage-error.ts'
import { errorsAmong, mendOf, readIsolation, severityOf } from '../neon/isolation.ts'
import { redact } from '../neon/redact.ts'
import { AUDIT_USAGE, readAuditCommand } from './audit-options.ts'
import { auditLines } from './audit-report.ts'
import { messageOf } from './migration-report.ts'
import { type Terminal, toJson } from './terminal.ts'

/** When there is an error among the findings; beside those of docs/migrations.md. */
export const FINDINGS_EXIT_CODE = 30

/**
 * Resolves with the exit code: 0 when the rows are kept apart, warnings or not; 1 when there is no database; 2 when it was
 * asked wrongly; and 30 when they are not.
 */
export async function audit(args: string[], terminal: Terminal): Promise<number> {
  return look(args, terminal).catch((error: unknown) => {
    const isUsage = error instanceof UsageError
    terminal.printError(redact(messageOf(error)))
    if (isUsage) terminal.printError(`\n${AUDIT_USAGE}`)
    return isUsage ? 2 : 1
  })
}

async function look(args: string[], { env, print }: Terminal): Promise<number> {
  const command = readAuditCommand(args, env)
  if (command === undefined) {
    print(AUDIT_USAGE)
    return 0
  }
  const report = await readIsolation(command.url, command.options)
  const exitCode = errorsAmong(report.findings).length === 0 ? 0 : FINDINGS_EXIT_CODE
  const findings = report.findings.map(finding => ({
    severity: severityOf(finding),
    ...finding,
    mend: mendOf(finding)
  }))
  print(command.isJson ? toJson({ ...report, findings, exitCode }) : auditLines(report).join('\n'))
  return exitCode
}
