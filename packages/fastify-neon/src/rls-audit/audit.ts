/**
 * Whether the database itself keeps the rows of users apart, for the role that the service works as: read from
 * its catalog, and judged.
 */

import { openSession, type Query } from '../client/single-session.ts'
import type { ConnectionUrl } from '../connection-string/connection-url.ts'
import { OptionInvalidError } from '../errors/errors.ts'
import { withoutUndefined } from '../runtime/without-undefined.ts'
import { readCatalog, type Scope, type Table } from './catalog.ts'
import type { IsolationFinding } from './findings.ts'
import { isJudged } from './table-verdict.ts'
import { judge } from './verdict.ts'

export {
  errorsAmong,
  fixOf,
  ISOLATION_FINDINGS,
  type IsolationCode,
  type IsolationFinding,
  severityOf,
  warningsAmong
} from './findings.ts'

export interface IsolationOptions {
  /** Role that transactions switch to. @default the role of the login */
  role?: string | undefined
  /** Column that has the owner of a row. @default 'owner' */
  ownerColumn?: string | undefined
  /** Schemas with tables of users. @default ['public'] */
  schemas?: readonly string[] | undefined
  /** Tables and views without an owner, as `name` or `schema.name`. All others count as tables of users. @default [] */
  shared?: readonly string[] | undefined
}

export interface IsolationReport {
  login: string
  /** The one in effect. */
  role: string
  ownerColumn: string
  tables: TableReport[]
  findings: IsolationFinding[]
}

/** A table of users. */
export interface TableReport {
  name: string
  hasOwner: boolean
  hasRls: boolean
  hasForce: boolean
  hasOwnerIndex: boolean
  policies: string[]
  /** Of the role in effect, on the table or a column of it. */
  privileges: string[]
}

const DEFAULTS = { ownerColumn: 'owner', schemas: ['public'], shared: [] }
const ANSWER_TIMEOUT_MS = 10_000

/** Throws FST_NEON_OPTION_INVALID for what would audit nothing. */
export function isolationScope({ role, ...given }: IsolationOptions): Scope {
  const scope = { ...DEFAULTS, ...withoutUndefined(given), role }
  if (scope.schemas.length === 0) throw new OptionInvalidError('schemas must have one or more')
  if (scope.ownerColumn === '') throw new OptionInvalidError('ownerColumn must be the name of a column')
  return scope
}

/** Asks the catalog and changes nothing. Throws what `query` throws. */
export async function auditIsolation(query: Query, scope: Scope): Promise<IsolationReport> {
  const { ownerColumn } = scope
  const catalog = await readCatalog(query, scope)
  const { login, role } = catalog.roles
  return {
    login,
    role,
    ownerColumn,
    tables: catalog.tables.filter(isJudged).map(describe),
    findings: judge(catalog, ownerColumn)
  }
}

/** On a connection of its own. Throws FST_NEON_OPTION_INVALID, and a DatabaseFailure when there is no connection. */
export async function readIsolation(url: ConnectionUrl, options: IsolationOptions): Promise<IsolationReport> {
  const scope = isolationScope(options)
  const session = await openSession({
    url,
    applicationName: 'fastify-neon-audit',
    answerTimeoutMs: ANSWER_TIMEOUT_MS
  })
  try {
    return await auditIsolation(session.query, scope)
  } finally {
    await session.close()
  }
}

function describe({ name, hasOwner, hasRls, hasForce, indexes, policies, privileges }: Table): TableReport {
  return {
    name,
    hasOwner,
    hasRls,
    hasForce,
    hasOwnerIndex: indexes.some(({ leads }) => leads),
    policies: policies.map(policy => policy.name),
    privileges
  }
}
