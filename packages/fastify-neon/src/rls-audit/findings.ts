/**
 * Everything in a database that can let one user reach the rows of another.
 * docs/reference/isolation.md has the table; a test compares the two.
 */

/** `error` keeps the process from being ready; `warning` is named. */
export type Severity = 'error' | 'warning'

export interface IsolationRule {
  severity: Severity
  meaning: string
  fix: string
}

/** In the order that they are told in, within one object. */
export const ISOLATION_FINDINGS = {
  'role-missing': {
    severity: 'error',
    meaning: 'the role that transactions switch to does not exist',
    fix: 'create it in a migration: CREATE ROLE … NOLOGIN, and GRANT it TO the login; or name another role, by the option role of the plugins or --role of the audit'
  },
  'role-unreachable': {
    severity: 'error',
    meaning: 'the login may not switch to that role',
    fix: 'as the creator of the role: GRANT … TO the login, from Postgres 16 on WITH SET TRUE'
  },
  superuser: {
    severity: 'error',
    meaning: 'the role is a superuser, and policies do not apply to superusers',
    fix: 'name a role that policies apply to, by the option role of the plugins or --role of the audit: each transaction then switches to it; or log in as another role'
  },
  bypassrls: {
    severity: 'error',
    meaning: 'the role has BYPASSRLS, and policies do not apply to it, even with FORCE',
    fix: 'roles created by the Neon console, API or CLI have BYPASSRLS: name a role created by SQL, by the option role of the plugins or --role of the audit, so that each transaction switches to it; or log in as such a role'
  },
  'bypass-member': {
    severity: 'error',
    meaning:
      'the role is a member, directly or through another role, of a role that policies do not apply to',
    fix: 'REVOKE that membership, or create a role by SQL: those of the Neon console, API and CLI are members of neon_superuser'
  },
  'role-attributes': {
    severity: 'error',
    meaning: 'the role may create roles or databases, or replicate, which bypasses every policy',
    fix: 'ALTER ROLE … NOCREATEROLE NOCREATEDB NOREPLICATION'
  },
  'predefined-role': {
    severity: 'error',
    meaning:
      'the role is a member of a predefined role that may read files, or the statements or changes of others',
    fix: 'REVOKE that membership, and grant it to a role for operators'
  },
  'large-objects': {
    severity: 'error',
    meaning: 'the role may read or write large objects, and policies do not apply to those',
    fix: 'store the bytes in a column of a table with policies, then lo_unlink them; or ALTER LARGE OBJECT … OWNER TO the role that migrates, and REVOKE ALL ON LARGE OBJECT … FROM PUBLIC and the role'
  },
  'schema-missing': {
    severity: 'error',
    meaning: 'a schema that should have tables of users does not exist',
    fix: 'name schemas that exist'
  },
  'schema-create': {
    severity: 'error',
    meaning:
      'the role may create tables, views and functions in a schema with tables of users, or in the schema of its own name, which comes first in the search_path',
    fix: 'REVOKE CREATE ON SCHEMA … FROM the role, or FROM PUBLIC, which has it on the schema public before Postgres 15'
  },
  'database-create': {
    severity: 'error',
    meaning: 'the role may create schemas, and tables in a schema of its own name hide the tables of users',
    fix: 'REVOKE CREATE ON DATABASE … FROM PUBLIC and the role'
  },
  'no-owner-column': {
    severity: 'error',
    meaning: 'the table has no owner column',
    fix: 'add the column, NOT NULL, or name the table as shared'
  },
  'no-rls': {
    severity: 'error',
    meaning: 'row-level security is not enabled on the table',
    fix: 'add policies to the table in the schema, such as by pgPolicy of Drizzle, or ALTER TABLE … ENABLE ROW LEVEL SECURITY'
  },
  'no-force': {
    severity: 'error',
    meaning: 'policies do not apply to the owner of the table',
    fix: 'by hand in the migration: ALTER TABLE … FORCE ROW LEVEL SECURITY'
  },
  'table-owner': {
    severity: 'error',
    meaning: 'the role owns the table, so policies do not apply to it without FORCE',
    fix: 'ALTER TABLE … OWNER TO the role that migrates, and ALTER TABLE … FORCE ROW LEVEL SECURITY'
  },
  'no-policy': {
    severity: 'error',
    meaning: 'the role has a privilege on the table without a policy that limits its rows',
    fix: 'add a policy for the role to the table in the schema, such as by pgPolicy of Drizzle, or REVOKE the privilege'
  },
  'open-policy': {
    severity: 'error',
    meaning: 'the policy allows every row, and one permissive policy is enough',
    fix: 'DROP POLICY, or compare the owner in the policy'
  },
  'no-owner-index': {
    severity: 'error',
    meaning: 'no valid index over all rows begins with the owner, so each query reads the rows of all users',
    fix: 'CREATE INDEX CONCURRENTLY with the owner as its first column'
  },
  'excess-privilege': {
    severity: 'error',
    meaning: 'the role has TRUNCATE, REFERENCES or TRIGGER, and policies do not limit those',
    fix: 'REVOKE TRUNCATE, REFERENCES, TRIGGER ON … FROM the role'
  },
  'owner-update': {
    severity: 'error',
    meaning: 'the role may change the owner of a row, unless a policy forbids it',
    fix: 'REVOKE UPDATE ON … FROM the role, and GRANT UPDATE on the other columns by name'
  },
  'view-as-owner': {
    severity: 'error',
    meaning: 'the view shows all its users what its owner may see',
    fix: 'ALTER VIEW … SET (security_invoker = true), from Postgres 15 on, or REVOKE the privileges'
  },
  'materialized-view': {
    severity: 'error',
    meaning: 'a materialized view has rows that no policy limits',
    fix: 'REVOKE ALL ON … FROM the role, or name it as shared'
  },
  'definer-search-path': {
    severity: 'error',
    meaning: 'the function runs as its owner, with the search_path of its caller',
    fix: "ALTER FUNCTION … SET search_path = '', with qualified names in its body, or REVOKE EXECUTE from PUBLIC and the role"
  },
  'login-bypass': {
    severity: 'warning',
    meaning:
      'policies apply to the role but not to the login, and injected SQL could switch back to the login',
    fix: "log in as a role created by SQL: CREATE ROLE … LOGIN PASSWORD '…' IN ROLE …, the role that transactions switch to"
  },
  'temporary-tables': {
    severity: 'warning',
    meaning:
      'the role may create temporary tables, and one with the name of a table of users hides that table for later users of the connection',
    fix: 'REVOKE TEMPORARY ON DATABASE … FROM PUBLIC and the role, as the owner of the database'
  },
  'policy-without-owner': {
    severity: 'warning',
    meaning: 'the policy does not compare the owner',
    fix: 'compare the owner in it, or make sure that these rows are for all users'
  },
  'key-without-owner': {
    severity: 'warning',
    meaning: 'a conflict tells a user that another user has the same value',
    fix: 'add the owner to the key, unless the server makes the value'
  },
  'reference-without-owner': {
    severity: 'warning',
    meaning: 'a row may refer to a row of another user, because foreign keys are checked without policies',
    fix: 'FOREIGN KEY (owner, …) REFERENCES … (owner, id)'
  },
  'hidden-view': {
    severity: 'warning',
    meaning: 'as view-as-owner or materialized-view, but the role has no privilege to read it',
    fix: 'as there, before the privilege is granted'
  },
  'hidden-definer': {
    severity: 'warning',
    meaning: 'as definer-search-path, but the role has no privilege to execute it',
    fix: 'as there, before the privilege is granted'
  }
} as const satisfies Record<string, IsolationRule>

export type IsolationCode = keyof typeof ISOLATION_FINDINGS

export interface IsolationFinding {
  code: IsolationCode
  /** What it is about, qualified and quoted as SQL takes it. */
  object: string
  /** What is wrong here. */
  message: string
}

export const severityOf = ({ code }: Pick<IsolationFinding, 'code'>): Severity =>
  ISOLATION_FINDINGS[code].severity

export const fixOf = ({ code }: Pick<IsolationFinding, 'code'>): string => ISOLATION_FINDINGS[code].fix

export function errorsAmong(findings: readonly IsolationFinding[]): IsolationFinding[] {
  return findings.filter(finding => severityOf(finding) === 'error')
}

export function warningsAmong(findings: readonly IsolationFinding[]): IsolationFinding[] {
  return findings.filter(finding => severityOf(finding) === 'warning')
}
