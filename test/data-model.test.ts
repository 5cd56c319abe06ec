/**
 * docs/reference/data-model.md is compared with the catalog of a migrated database, row by row.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { administer, createDatabase } from './support/postgres.ts'

const text = readFileSync(new URL('../docs/reference/data-model.md', import.meta.url), 'utf8')

/** Cells of the first table under the heading, without backticks. */
function documented(heading: string): string[][] {
  const section = text.slice(text.indexOf(`\n${heading}\n`))
  const [, table = ''] = /\n\|[^\n]*\n\|[ -|]*\n((?:\|[^\n]*\n)+)/.exec(section) ?? []
  return table
    .trimEnd()
    .split('\n')
    .map(row =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(cell => cell.trim().replaceAll('`', ''))
    )
}

/** The columns of a migrated database are known by name: the first are compared, and the rest is prose. */
const TABLES: { heading: string; of: string; sql: string }[] = [
  {
    heading: '## Roles',
    of: 'role, with its attributes',
    sql: `select rolname, concat_ws(' ', case when rolcanlogin then 'LOGIN' else 'NOLOGIN' end,
        case when rolsuper then 'SUPERUSER' else 'NOSUPERUSER' end, case when rolcreatedb then 'CREATEDB' else 'NOCREATEDB' end,
        case when rolcreaterole then 'CREATEROLE' else 'NOCREATEROLE' end,
        case when rolreplication then 'REPLICATION' else 'NOREPLICATION' end,
        case when rolbypassrls then 'BYPASSRLS' else 'NOBYPASSRLS' end),
      (select coalesce(string_agg(format('%s: SET %s, INHERIT %s', member::regrole, upper(set_option::text), upper(inherit_option::text)), '; '), '')
        from pg_auth_members where roleid = r.oid and member = current_user::regrole and not admin_option)
      from pg_roles as r where rolname <> current_user and exists (select from pg_shdepend where refobjid = r.oid
        and dbid = (select oid from pg_database where datname = current_database()))`
  },
  {
    heading: '## Tables',
    of: 'table, with its row level security',
    sql: `select relname, relrowsecurity, relforcerowsecurity from pg_class
      where relnamespace in ('public'::regnamespace, 'app'::regnamespace) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')`
  },
  ...['tasks', 'idempotency_keys'].map(table => ({
    heading: `### ${table}`,
    of: `column of ${table}, with its type and default`,
    sql: `select attname, format_type(atttypid, atttypmod), case when attnotnull then 'NOT NULL' else '' end,
        coalesce(pg_get_expr(adbin, adrelid), '')
      from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped`
  })),
  {
    heading: '## Keys and indexes',
    of: 'key and index',
    sql: `select indrelid::regclass, indexrelid::regclass::text,
        coalesce(pg_get_constraintdef(pg_constraint.oid), substring(pg_get_indexdef(indexrelid) from 'USING (.*)'))
      from pg_index join pg_class on pg_class.oid = indrelid
        left join pg_constraint on conindid = indexrelid and contype in ('p', 'u', 'x')
      where relnamespace = 'public'::regnamespace
      union all select conrelid::regclass, conname::text, pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'public'::regnamespace and contype in ('f', 'c')`
  },
  {
    heading: '## Policies',
    of: 'policy, with its expressions',
    sql: `select polrelid::regclass, polname, array_to_string(polroles::regrole[], ', '),
        case polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end
          || case when polpermissive then '' else ' RESTRICTIVE' end,
        coalesce(pg_get_expr(polqual, polrelid), '') as visible, coalesce(pg_get_expr(polwithcheck, polrelid), '') as written from pg_policy`
  },
  {
    heading: '## Grants',
    of: 'grant to others than the owner',
    sql: `with acls as (
        select 'schema ' || nspname as object, nspowner as owner, coalesce(nspacl, acldefault('n', nspowner)) as acl, null as attribute, 0 as place
          from pg_namespace where nspname in ('public', 'app', 'drizzle')
        union all select oid::regclass::text, relowner, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)), null, 0
          from pg_class where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace::regnamespace::text in ('public', 'app', 'drizzle')
        union all select attrelid::regclass::text, relowner, attacl, attname, attnum
          from pg_attribute join pg_class on pg_class.oid = attrelid where relnamespace::regnamespace::text in ('public', 'app', 'drizzle')
        union all select oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)), null, 0
          from pg_proc where pronamespace::regnamespace::text in ('public', 'app', 'drizzle')
      ), grants as (
        select grantee, object, privilege_type || case when is_grantable then ' WITH GRANT OPTION' else '' end as privilege,
            string_agg(attribute, ', ' order by place) as columns
          from acls, aclexplode(acl) where grantee <> owner group by grantee, object, privilege_type, is_grantable, attribute is null
      )
      select case grantee when 0 then 'PUBLIC' else grantee::regrole::text end, object,
        string_agg(privilege || coalesce(' (' || columns || ')', ''), ', ' order by columns is not null, privilege)
      from grants group by grantee, object`
  },
  {
    heading: '## Functions',
    of: 'function, with whose rights it has',
    sql: `select oid::regprocedure, pg_get_function_result(oid), case when prosecdef then proowner::regrole::text else 'its caller' end,
        coalesce(array_to_string(proconfig, ', '), '')
      from pg_proc where pronamespace in ('public'::regnamespace, 'app'::regnamespace)`
  }
]

t.test('docs/reference/data-model.md has', async t => {
  const url = await createDatabase(t)

  for (const { heading, of, sql } of TABLES) {
    t.test(`every ${of}, and no other`, async t => {
      const rows = await administer(`select to_json(row) as row from (${sql}) as row`, url)
      const found = rows.map(({ row }) => Object.values(row as object).map(String))
      const [{ length = 0 } = []] = found

      t.ok(length > 0)
      t.strictSame(
        documented(heading)
          .map(row => row.slice(0, length).join(' | '))
          .sort(),
        found.map(row => row.join(' | ')).sort()
      )
    })
  }
})
