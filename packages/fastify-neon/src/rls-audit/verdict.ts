/**
 * What can let one user reach the rows of another, as a pure function of what was read.
 */
import type { Catalog, DefinerFunction, Roles, Schema, View } from './catalog.ts'
import type { IsolationFinding } from './findings.ts'
import { findIf, isJudged, judgeTable } from './table-verdict.ts'

/** In the order of roles, schemas, tables, views and functions. */
export function judge(catalog: Catalog, ownerColumn: string): IsolationFinding[] {
  const { roles, schemas, tables, views, functions } = catalog
  const context = {
    role: roles.role,
    ownerColumn,
    tables: new Set(tables.map(({ name }) => name)),
    isBound: roles.exists && !isBeyondPolicies(roles)
  }
  return [
    ...judgeRoles(roles),
    ...schemas.flatMap(schema => judgeSchema(schema, context)),
    ...tables.filter(isJudged).flatMap(table => judgeTable(table, context)),
    ...views.flatMap(judgeView),
    ...functions.flatMap(judgeFunction)
  ]
}

/** It may read all rows anyway, so what it was granted says nothing. */
function isBeyondPolicies({ isSuperuser, bypassesRls }: Roles): boolean {
  return isSuperuser || bypassesRls
}

function judgeRoles(roles: Roles): IsolationFinding[] {
  const { role, login, exists, isSuperuser, attributes, bypassing, predefined } = roles
  if (!exists) return [{ code: 'role-missing', object: role, message: 'there is no such role' }]
  // It has every right and is a member of everybody.
  if (isSuperuser) return [{ code: 'superuser', object: role, message: 'it is a superuser' }]
  const isBound = !roles.bypassesRls && bypassing.length === 0
  return [
    ...findIf(!roles.canSwitch, 'role-unreachable', role, `${login} may not switch to it`),
    ...findIf(roles.bypassesRls, 'bypassrls', role, 'it has BYPASSRLS'),
    ...findIf(bypassing.length > 0, 'bypass-member', role, `it is a member of ${bypassing.join(', ')}`),
    ...findIf(
      isBound && predefined.length > 0,
      'predefined-role',
      role,
      `it is a member of ${predefined.join(', ')}`
    ),
    ...findIf(attributes.length > 0, 'role-attributes', role, `it has ${attributes.join(', ')}`),
    ...findIf(
      isBound && roles.loginBypasses,
      'login-bypass',
      login,
      `policies do not apply to it when it does not switch to ${role}`
    ),
    ...judgeDatabase(roles, isBound)
  ]
}

/** What PUBLIC has, unless it is revoked. */
function judgeDatabase(roles: Roles, isBound: boolean): IsolationFinding[] {
  const { role, database, mayMakeTemporary, mayMakeSchemas, largeObjects } = roles
  const told = `${role} may read or write ${largeObjects} of them`
  return [
    ...findIf(
      isBound && mayMakeTemporary,
      'temporary-tables',
      database,
      `${role} may make temporary tables in it`
    ),
    ...findIf(isBound && mayMakeSchemas, 'database-create', database, `${role} may make schemas in it`),
    ...findIf(isBound && largeObjects > 0, 'large-objects', database, told)
  ]
}

function judgeSchema(
  { name, exists, mayCreate }: Schema,
  { role, isBound }: { role: string; isBound: boolean }
): IsolationFinding[] {
  return [
    ...findIf(!exists, 'schema-missing', name, 'there is no such schema'),
    ...findIf(mayCreate && isBound, 'schema-create', name, `${role} may CREATE in it`)
  ]
}

function judgeView({ name, isMaterialized, isReachable }: View): IsolationFinding[] {
  const code = isMaterialized ? 'materialized-view' : 'view-as-owner'
  const message = isMaterialized
    ? 'its rows are a copy without policies'
    : 'it has no security_invoker = true'
  return [{ code: isReachable ? code : 'hidden-view', object: name, message }]
}

function judgeFunction({ name, isReachable }: DefinerFunction): IsolationFinding[] {
  const code = isReachable ? 'definer-search-path' : 'hidden-definer'
  return [{ code, object: name, message: 'it is SECURITY DEFINER without a search_path' }]
}
