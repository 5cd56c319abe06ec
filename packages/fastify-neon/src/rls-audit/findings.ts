/**
 * Everything that can let one user reach the rows of another in the database itself.
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
    meaning: 'the role that transactions work as is not there',
    fix: 'make it in a migration: CREATE ROLE … NOLOGIN, and GRANT it TO the login; or name another one, by the option role of the plugins or --role of the audit'
  },
  'role-unreachable': {
    severity: 'error',
    meaning: 'the login may not switch to that role',
    fix: 'as who made the role: GRANT … TO the login, from Postgres 16 on WITH SET TRUE'
  },
  superuser: {
    severity: 'error',
    meaning: 'no policy holds for a superuser',
    fix: 'name a role that policies hold for, to which each transaction then switches, by the option role of the plugins or --role of the audit; or log in as another role'
  },
  bypassrls: {
    severity: 'error',
    meaning: 'no policy holds for a role with BYPASSRLS, FORCE or not',
    fix: 'roles that the Neon console, API or CLI makes have BYPASSRLS: name a role made by SQL, to which each transaction then switches, by the option role of the plugins or --role of the audit; or log in as such a role'
  },
  'bypass-member': {
    severity: 'error',
    meaning: 'the role is a member, perhaps of a member, of one that no policy holds for',
    fix: 'REVOKE that membership, or make a role by SQL: those of the Neon console, API and CLI are members of neon_superuser'
  },
  'role-attributes': {
    severity: 'error',
    meaning: 'the role may make roles or databases, or replicate, which reads past every policy',
    fix: 'ALTER ROLE … NOCREATEROLE NOCREATEDB NOREPLICATION'
  },
  'predefined-role': {
    severity: 'error',
    meaning:
      'the role is a member of a predefined role that reads files, the statements of others or their changes',
    fix: 'REVOKE that membership; give it to a role of the operators'
  },
  'large-objects': {
    severity: 'error',
    meaning: 'the role may read or write large objects, which no policy holds for',
    fix: 'keep the bytes in a column of a table with policies, then lo_unlink them; or ALTER LARGE OBJECT … OWNER TO who migrates, and REVOKE ALL ON LARGE OBJECT … FROM PUBLIC and the role'
  },
  'schema-missing': {
    severity: 'error',
    meaning: 'a schema that should hold tables of users is not there',
    fix: 'name the schemas that are there'
  },
  'schema-create': {
    severity: 'error',
    meaning:
      'the role may make tables, views and functions in a schema with tables of users, or in the one of its own name, which is looked into first',
    fix: 'REVOKE CREATE ON SCHEMA … FROM the role, or FROM PUBLIC, who has it on public before Postgres 15'
  },
  'database-create': {
    severity: 'error',
    meaning:
      'the role may make schemas, and what is in one of its own name stands in front of the tables of users',
    fix: 'REVOKE CREATE ON DATABASE … FROM PUBLIC and the role'
  },
  'no-owner-column': {
    severity: 'error',
    meaning: 'nothing in the table says whose a row is',
    fix: 'add the column, NOT NULL, or name the table as shared'
  },
  'no-rls': {
    severity: 'error',
    meaning: 'policies are off for the table',
    fix: 'give the table policies in its schema, as by pgPolicy of Drizzle, or ALTER TABLE … ENABLE ROW LEVEL SECURITY'
  },
  'no-force': {
    severity: 'error',
    meaning: 'policies do not hold for who owns the table',
    fix: 'by hand in the migration: ALTER TABLE … FORCE ROW LEVEL SECURITY'
  },
  'table-owner': {
    severity: 'error',
    meaning: 'the role owns the table, so without FORCE no policy holds for it',
    fix: 'ALTER TABLE … OWNER TO who migrates, and ALTER TABLE … FORCE ROW LEVEL SECURITY'
  },
  'no-policy': {
    severity: 'error',
    meaning: 'the role has a privilege, and no policy says for which rows',
    fix: 'give the table a policy for the role in its schema, as by pgPolicy of Drizzle, or REVOKE the privilege'
  },
  'open-policy': {
    severity: 'error',
    meaning: 'the policy lets every row through, whatever others say, since one that allows is enough',
    fix: 'DROP POLICY, or compare the owner in it'
  },
  'no-owner-index': {
    severity: 'error',
    meaning: 'no valid index of all rows begins with the owner, so each query reads the rows of everybody',
    fix: 'CREATE INDEX CONCURRENTLY with the owner as its first column'
  },
  'excess-privilege': {
    severity: 'error',
    meaning: 'TRUNCATE, REFERENCES or TRIGGER, which policies do not hold for',
    fix: 'REVOKE TRUNCATE, REFERENCES, TRIGGER ON … FROM the role'
  },
  'owner-update': {
    severity: 'error',
    meaning: 'the role may give a row to somebody else, where a policy does not see to it',
    fix: 'REVOKE UPDATE ON … FROM the role, and GRANT UPDATE of the other columns by name'
  },
  'view-as-owner': {
    severity: 'error',
    meaning: 'the view shows what its owner may see, to everybody',
    fix: 'ALTER VIEW … SET (security_invoker = true), which is there from Postgres 15 on, or REVOKE the privileges'
  },
  'materialized-view': {
    severity: 'error',
    meaning: 'a materialized view holds rows without policies',
    fix: 'REVOKE ALL ON … FROM the role, or name it as shared'
  },
  'definer-search-path': {
    severity: 'error',
    meaning: 'the function works as its owner, on whatever objects the caller puts into the search_path',
    fix: "ALTER FUNCTION … SET search_path = '', with qualified names in it, or REVOKE EXECUTE from PUBLIC and the role"
  },
  'login-bypass': {
    severity: 'warning',
    meaning:
      'policies hold for the role, but not for the login, and SQL that the application writes could switch back',
    fix: "log in as a role made by SQL: CREATE ROLE … LOGIN PASSWORD '…' IN ROLE …, which is the role in effect"
  },
  'temporary-tables': {
    severity: 'warning',
    meaning:
      'the role may make temporary tables, and one with the name of a table of users stands in front of it for all who use the connection later',
    fix: 'REVOKE TEMPORARY ON DATABASE … FROM PUBLIC and the role, as the owner of the database'
  },
  'policy-without-owner': {
    severity: 'warning',
    meaning: 'the policy lets rows through without a look at the owner',
    fix: 'compare the owner in it, or be sure that these rows are for everybody'
  },
  'key-without-owner': {
    severity: 'warning',
    meaning: 'a conflict tells a user that somebody else has the same value',
    fix: 'put the owner into the key, unless the server makes the value'
  },
  'reference-without-owner': {
    severity: 'warning',
    meaning: 'a row may refer to one of another user, since foreign keys are checked past all policies',
    fix: 'FOREIGN KEY (owner, …) REFERENCES … (owner, id)'
  },
  'hidden-view': {
    severity: 'warning',
    meaning: 'as view-as-owner or materialized-view, but the role may not read it',
    fix: 'as there, before somebody grants it'
  },
  'hidden-definer': {
    severity: 'warning',
    meaning: 'as definer-search-path, but the role may not execute it',
    fix: 'as there, before somebody grants it'
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
