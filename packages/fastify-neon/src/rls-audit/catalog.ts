/**
 * Reads from the catalog who may do what: tables of Postgres itself, which every role may read.
 */
import type { Query } from '../client/single-session.ts'
import { FUNCTIONS_SQL, ROLES_SQL, SCHEMAS_SQL, TABLES_SQL, VIEWS_SQL } from './catalog-sql.ts'

export interface Scope {
  /** What transactions switch to. @default the role that the login begins with */
  role: string | undefined
  /** Column that says whose a row is. */
  ownerColumn: string
  /** Those with tables of users. */
  schemas: readonly string[]
  /** Tables and views that belong to nobody, as `name` or `schema.name`. */
  shared: readonly string[]
}

export interface Roles {
  login: string
  /** The one in effect. */
  role: string
  exists: boolean
  /** Whether the login may become it. */
  canSwitch: boolean
  isSuperuser: boolean
  bypassesRls: boolean
  /** Of CREATEROLE, CREATEDB and REPLICATION those that it has. */
  attributes: string[]
  /** Superusers and roles with BYPASSRLS that it is a member of. */
  bypassing: string[]
  /** Predefined roles of Postgres that it is a member of, with which it gets at rows past the policies. */
  predefined: string[]
  /** Whether no policy holds for the login, or it may become somebody for whom none does. */
  loginBypasses: boolean
  /** Quoted as SQL takes it. */
  database: string
  /** On the database. */
  mayMakeTemporary: boolean
  /** In the database, of whatever name. */
  mayMakeSchemas: boolean
  /** Those that it may read or write. */
  largeObjects: number
}

export interface Schema {
  name: string
  exists: boolean
  mayCreate: boolean
}

export interface Policy {
  name: string
  /** `r`, `a`, `w`, `d` or `*`, as pg_policy has it. */
  command: string
  isPermissive: boolean
  using: string | null
  check: string | null
  /** To the role, or one whose rights it has. */
  applies: boolean
  /** Also to one that it may become. */
  isReachable: boolean
}

export interface Index {
  name: string
  isUnique: boolean
  /** It is valid, of all rows, and the owner is its first column. */
  leads: boolean
  /** The owner is in its key. */
  hasOwner: boolean
}

export interface ForeignKey {
  name: string
  target: string
  /** The owner of one row is compared with the owner of the other. */
  carriesOwner: boolean
}

export interface Table {
  name: string
  isPartition: boolean
  hasOwner: boolean
  hasRls: boolean
  hasForce: boolean
  isOwned: boolean
  /** Of the role, on the table or a column of it. */
  privileges: string[]
  /** Also of those that the role may become. */
  reachablePrivileges: string[]
  mayChangeOwner: boolean
  policies: Policy[]
  indexes: Index[]
  foreignKeys: ForeignKey[]
}

export interface View {
  name: string
  isMaterialized: boolean
  isReachable: boolean
}

/** SECURITY DEFINER, without a search_path. */
export interface DefinerFunction {
  name: string
  isReachable: boolean
}

export interface Catalog {
  roles: Roles
  schemas: Schema[]
  tables: Table[]
  /** Those that work as their owner. */
  views: View[]
  functions: DefinerFunction[]
}

/** Five statements, none of which changes anything. */
export async function readCatalog(query: Query, scope: Scope): Promise<Catalog> {
  const roles = await rowsOf<Roles>(ROLES_SQL, [scope.role ?? null])
  const [found] = roles as [Roles]
  const { role } = found
  return {
    roles: found,
    schemas: await rowsOf(SCHEMAS_SQL, [role, scope.schemas]),
    tables: await rowsOf(TABLES_SQL, [role, scope.schemas, scope.shared, scope.ownerColumn]),
    views: await rowsOf(VIEWS_SQL, [role, scope.shared]),
    functions: await rowsOf(FUNCTIONS_SQL, [role])
  }

  async function rowsOf<R>(text: string, values: unknown[]): Promise<R[]> {
    const rows = await query<{ row: R }>(text, values)
    return rows.map(({ row }) => row)
  }
}
