/**
 * What `npx fastify-neon audit` does, but for the process around it.
 */
import { errorsAmong, fixOf, readIsolation, severityOf } from '../../rls-audit/audit.ts'
import { runCommand } from '../command.ts'
import { type Terminal, toJson } from '../terminal.ts'
import { AUDIT_USAGE, type AuditCommand, readAuditCommand } from './audit-options.ts'
import { auditLines } from './audit-report.ts'

/** When there is an error among the findings; beside those of docs/reference/migrations.md. */
export const FINDINGS_EXIT_CODE = 30

/**
 * Resolves with the exit code: 0 when the rows are kept apart, warnings or not; 1 when there is no database; 2 when it was
 * asked wrongly; and 30 when they are not.
 */
export function audit(args: string[], terminal: Terminal): Promise<number> {
  const read = () => readAuditCommand(args, terminal.env)
  return runCommand({ usage: AUDIT_USAGE, read, run: command => look(command, terminal) }, terminal)
}

async function look({ url, options, isJson }: AuditCommand, { print }: Terminal): Promise<number> {
  const report = await readIsolation(url, options)
  const exitCode = errorsAmong(report.findings).length === 0 ? 0 : FINDINGS_EXIT_CODE
  const findings = report.findings.map(finding => ({
    severity: severityOf(finding),
    ...finding,
    fix: fixOf(finding)
  }))
  print(isJson ? toJson({ ...report, findings, exitCode }) : auditLines(report).join('\n'))
  return exitCode
}
