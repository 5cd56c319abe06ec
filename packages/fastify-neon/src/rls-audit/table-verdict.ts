/**
 * What is wrong with a table of users, as a pure function of what was read.
 */
import type { ForeignKey, Index, Policy, Table } from './catalog.ts'
import type { IsolationCode, IsolationFinding } from './findings.ts'

export interface TableContext {
  role: string
  ownerColumn: string
  /** Of all tables of users. */
  tables: ReadonlySet<string>
  /** Whether policies hold for the role, so that privileges say something. */
  isBound: boolean
}

/** Whether somebody gets at its rows but through its parent. */
export function isJudged({ isPartition, reachablePrivileges }: Table): boolean {
  return !isPartition || reachablePrivileges.length > 0
}

export function judgeTable(table: Table, context: TableContext): IsolationFinding[] {
  return [
    ...judgeStructure(table, context),
    ...(context.isBound ? judgeRights(table, context) : []),
    ...(table.hasOwner ? judgeKeys(table, context) : [])
  ]
}

function judgeStructure(table: Table, { ownerColumn }: TableContext): IsolationFinding[] {
  const { name, hasOwner, hasRls, hasForce, indexes } = table
  return [
    ...findIf(!hasOwner, 'no-owner-column', name, `there is no column ${ownerColumn}`),
    ...findIf(!hasRls, 'no-rls', name, 'row level security is not enabled'),
    ...findIf(!hasForce, 'no-force', name, 'row level security is not forced'),
    ...findIf(
      hasOwner && !indexes.some(({ leads }) => leads),
      'no-owner-index',
      name,
      `no index begins with ${ownerColumn}`
    )
  ]
}

const EXCESS = ['TRUNCATE', 'REFERENCES', 'TRIGGER']

function judgeRights(table: Table, { role, ownerColumn }: TableContext): IsolationFinding[] {
  const { name, privileges, reachablePrivileges, policies } = table
  const uncovered = Object.keys(COMMANDS).filter(
    command => privileges.includes(command) && !policies.some(policy => lets(policy, command))
  )
  const excess = EXCESS.filter(privilege => reachablePrivileges.includes(privilege))
  return [
    ...findIf(table.isOwned && !table.hasForce, 'table-owner', name, `${role} owns it`),
    ...findIf(uncovered.length > 0, 'no-policy', name, `none lets ${role} ${uncovered.join(', ')}`),
    ...policies.filter(isOpenable).flatMap(policy => judgePolicy(policy, name, ownerColumn)),
    ...findIf(excess.length > 0, 'excess-privilege', name, `${role} has ${excess.join(', ')}`),
    ...findIf(table.mayChangeOwner, 'owner-update', name, `${role} may UPDATE ${ownerColumn}`)
  ]
}

/** As pg_policy names them. */
const COMMANDS: Record<string, string> = { SELECT: 'r', INSERT: 'a', UPDATE: 'w', DELETE: 'd' }

/** Without an expression a policy lets nothing through. */
function lets({ isPermissive, applies, command, using, check }: Policy, wanted: string): boolean {
  const isOfCommand = command === '*' || command === COMMANDS[wanted]
  const expression = wanted === 'INSERT' ? (check ?? using) : using
  return isPermissive && applies && isOfCommand && expression !== null
}

function isOpenable({ isPermissive, isReachable }: Policy): boolean {
  return isPermissive && isReachable
}

function judgePolicy({ name, using, check }: Policy, table: string, ownerColumn: string): IsolationFinding[] {
  const expressions = [using, check].filter(expression => expression !== null)
  const object = `${name} on ${table}`
  const isOpen = expressions.includes('true')
  return [
    ...findIf(isOpen, 'open-policy', object, 'an expression of it is true'),
    ...findIf(
      !isOpen && !expressions.every(expression => names(expression, ownerColumn)),
      'policy-without-owner',
      object,
      `an expression of it does not name ${ownerColumn}`
    )
  ]
}

/** As a word of its own, quoted where SQL wants it so. */
function names(expression: string, column: string): boolean {
  const word = column.replaceAll('"', '""').replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`(?<![\\w$])${word}(?![\\w$])`, 'u').test(expression)
}

function judgeKeys({ name, indexes, foreignKeys }: Table, { ownerColumn, tables }: TableContext) {
  return [...indexes.flatMap(judgeIndex), ...foreignKeys.flatMap(judgeForeignKey)]

  function judgeIndex({ name: index, isUnique, hasOwner }: Index): IsolationFinding[] {
    const message = `${index} is unique without ${ownerColumn}`
    return findIf(isUnique && !hasOwner, 'key-without-owner', name, message)
  }

  function judgeForeignKey({ name: key, target, carriesOwner }: ForeignKey): IsolationFinding[] {
    const message = `${key} refers to ${target} without ${ownerColumn} on both sides`
    return findIf(tables.has(target) && !carriesOwner, 'reference-without-owner', name, message)
  }
}

export function findIf(
  isSo: boolean,
  code: IsolationCode,
  object: string,
  message: string
): IsolationFinding[] {
  return isSo ? [{ code, object, message }] : []
}
