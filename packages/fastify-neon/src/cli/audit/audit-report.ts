/**
 * What the audit of isolation prints.
 */
import {
  errorsAmong,
  fixOf,
  type IsolationFinding,
  type IsolationReport,
  severityOf,
  type TableReport
} from '../../rls-audit/audit.ts'

export function auditLines({ role, login, ownerColumn, tables, findings }: IsolationReport): string[] {
  const errors = errorsAmong(findings).length
  return [
    ...aligned([
      ['role in effect', role],
      ['login', login]
    ]),
    '',
    ...aligned([
      ['table', ownerColumn, 'RLS', 'FORCE', 'policies', 'index', `${role} may`],
      ...tables.map(cellsOf)
    ]),
    '',
    ...findings.flatMap(findingLines),
    `${counted(errors, 'error')}, ${counted(findings.length - errors, 'warning')}`
  ]
}

function cellsOf({ name, policies, privileges, ...has }: TableReport): string[] {
  const marks = [has.hasOwner, has.hasRls, has.hasForce].map(mark)
  const may = privileges.length === 0 ? 'nothing' : privileges.join(', ')
  return [name, ...marks, `${policies.length}`, mark(has.hasOwnerIndex), may]
}

function mark(isSo: boolean): string {
  return isSo ? 'yes' : 'no'
}

function findingLines(finding: IsolationFinding): string[] {
  const { code, object, message } = finding
  return [
    `${severityOf(finding).padEnd(7)} ${code}: ${object}: ${message}`,
    `${' '.repeat(8)}${fixOf(finding)}`
  ]
}

/** Columns as wide as their longest cell, two spaces apart. */
function aligned(rows: string[][]): string[] {
  const widthOf = (column: number) => Math.max(...rows.map(row => `${row[column]}`.length))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widthOf(column)))
      .join('  ')
      .trimEnd()
  )
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
