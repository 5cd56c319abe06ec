/**
 * The statements that read the catalog, each with one JSON document for a row. They hold for Postgres 14 and later.
 */

// Before 16 a member may always become the role; since then that is granted by itself, and to have its rights
// without a switch too.
const MAY_BECOME = `CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END`

/** The role $1 as `me`, and with those whose rights it has and those that it may become as `reach`. */
const REACH = `me AS (
  SELECT oid FROM pg_roles WHERE rolname = $1::text
), reach AS (
  SELECT other.oid FROM me JOIN pg_roles AS other
    ON pg_has_role(me.oid, other.oid, 'USAGE') OR pg_has_role(me.oid, other.oid, ${MAY_BECOME})
)`

const ON_TABLES = "ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']"

/** Names of privileges, those on a column included. */
const privilegesOf = (roles: 'me' | 'reach') => `ARRAY(
  SELECT privilege FROM unnest(${ON_TABLES}) AS privilege
  WHERE EXISTS (SELECT FROM ${roles} AS holder WHERE CASE
    WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') THEN has_any_column_privilege(holder.oid, c.oid, privilege)
    ELSE has_table_privilege(holder.oid, c.oid, privilege) END)
)`

const MAY_USE_SCHEMA = `EXISTS (SELECT FROM reach WHERE has_schema_privilege(reach.oid, n.oid, 'USAGE'))`

/** Of Postgres itself; temporary ones are seen by their own session alone. */
const IS_SYSTEM = `(n.nspname = 'information_schema' OR starts_with(n.nspname::text, 'pg_'))`

const isOfExtension = (catalog: string, oid: string) =>
  `EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`

/** A partition is what its root is. */
const isShared = (names: string) => `EXISTS (
  SELECT FROM pg_class AS root JOIN pg_namespace AS home ON home.oid = root.relnamespace
  WHERE root.oid = coalesce(pg_partition_root(c.oid), c.oid)
    AND (root.relname = ANY(${names}::text[]) OR concat(home.nspname, '.', root.relname) = ANY(${names}::text[]))
)`

const arrayOf = (select: string) => `(SELECT coalesce(json_agg(item), '[]') FROM (${select}) AS items (item))`

// Those of Postgres itself that get at rows past every policy: in files, in the statements of others, by replication.
const BEYOND_ROWS =
  "'pg_create_subscription', 'pg_execute_server_program', 'pg_read_all_stats', 'pg_read_server_files', 'pg_write_server_files'"

const GRANTED_ON_LARGE_OBJECT = 'SELECT grantee FROM aclexplode(lomacl)'

/** $1 the role in effect, or null. */
export const ROLES_SQL = `
WITH wanted AS (
  SELECT coalesce($1::text, current_user::text) AS name
), reach AS (
  SELECT other.oid FROM wanted JOIN pg_roles AS me ON me.rolname = wanted.name JOIN pg_roles AS other
    ON pg_has_role(me.oid, other.oid, 'USAGE') OR pg_has_role(me.oid, other.oid, ${MAY_BECOME})
), bypassing AS (SELECT oid, rolname FROM pg_roles WHERE rolsuper OR rolbypassrls)
SELECT json_build_object(
  'login', login.rolname,
  'role', wanted.name,
  'exists', role.oid IS NOT NULL,
  'canSwitch', coalesce(pg_has_role(login.oid, role.oid, ${MAY_BECOME}), false),
  'isSuperuser', coalesce(role.rolsuper, false),
  'bypassesRls', coalesce(role.rolbypassrls, false),
  'attributes', ARRAY(
    SELECT attribute FROM (VALUES
      ('CREATEROLE', role.rolcreaterole), ('CREATEDB', role.rolcreatedb), ('REPLICATION', role.rolreplication)
    ) AS attributes (attribute, has) WHERE has),
  'bypassing', ARRAY(
    SELECT rolname FROM bypassing WHERE oid <> role.oid AND pg_has_role(role.oid, oid, 'MEMBER') ORDER BY 1),
  'predefined', ARRAY(
    SELECT rolname FROM pg_roles WHERE rolname IN (${BEYOND_ROWS}) AND pg_has_role(role.oid, oid, 'MEMBER') ORDER BY 1),
  'loginBypasses', EXISTS (SELECT FROM bypassing WHERE pg_has_role(login.oid, oid, 'MEMBER')),
  'database', format('%I', current_database()),
  'mayMakeTemporary', EXISTS (SELECT FROM reach WHERE has_database_privilege(reach.oid, current_database(), 'TEMPORARY')),
  'mayMakeSchemas', EXISTS (SELECT FROM reach WHERE has_database_privilege(reach.oid, current_database(), 'CREATE')),
  'largeObjects', (SELECT count(*)::integer FROM pg_largeobject_metadata WHERE lomowner IN (SELECT oid FROM reach)
    OR EXISTS (${GRANTED_ON_LARGE_OBJECT} WHERE grantee = 0 OR grantee IN (SELECT oid FROM reach)))
) AS row
FROM wanted
JOIN pg_roles AS login ON login.rolname = session_user
LEFT JOIN pg_roles AS role ON role.rolname = wanted.name`

/** $1 the role, $2 names. Beside them the schema with the name of the role, which its search_path puts in front of public. */
export const SCHEMAS_SQL = `
WITH ${REACH}
SELECT json_build_object(
  'name', wanted.name,
  'exists', n.oid IS NOT NULL,
  'mayCreate', EXISTS (SELECT FROM reach WHERE has_schema_privilege(reach.oid, n.oid, 'CREATE'))
) AS row
FROM (SELECT unnest($2::text[]) UNION SELECT nspname FROM pg_namespace WHERE nspname = $1::text) AS wanted (name)
LEFT JOIN pg_namespace AS n ON n.nspname = wanted.name`

const POLICIES = `SELECT json_build_object(
    'name', polname,
    'command', polcmd,
    'isPermissive', polpermissive,
    'using', pg_get_expr(polqual, polrelid),
    'check', pg_get_expr(polwithcheck, polrelid),
    'applies', 0 = ANY(polroles) OR EXISTS (
      SELECT FROM me, unnest(polroles) AS given WHERE pg_has_role(me.oid, given, 'USAGE')),
    'isReachable', 0 = ANY(polroles) OR polroles && ARRAY(SELECT oid FROM reach)
  ) FROM pg_policy WHERE polrelid = c.oid ORDER BY polname`

// The key of an index counts from 0; columns behind it are INCLUDEd.
const INDEXES = `SELECT json_build_object(
    'name', format('%I', indexed.relname),
    'isUnique', indisunique OR indisexclusion,
    'leads', coalesce(indisvalid AND indpred IS NULL AND indkey[0] = owner.attnum, false),
    'hasOwner', coalesce(owner.attnum = ANY((indkey::smallint[])[0:indnkeyatts - 1]), false)
  ) FROM pg_index JOIN pg_class AS indexed ON indexed.oid = indexrelid WHERE indrelid = c.oid ORDER BY indexed.relname`

const FOREIGN_KEYS = `SELECT json_build_object(
    'name', format('%I', conname),
    'target', format('%I.%I', home.nspname, target.relname),
    'carriesOwner', EXISTS (
      SELECT FROM generate_subscripts(conkey, 1) AS place
      WHERE conkey[place] = owner.attnum AND confkey[place] = theirs.attnum)
  ) FROM pg_constraint JOIN pg_class AS target ON target.oid = confrelid
    JOIN pg_namespace AS home ON home.oid = target.relnamespace
    LEFT JOIN pg_attribute AS theirs ON theirs.attrelid = confrelid AND theirs.attname = $4::text
  WHERE conrelid = c.oid AND contype = 'f' AND conparentid = 0 ORDER BY conname`

/** $1 the role, $2 schemas, $3 names of shared tables, $4 the owner column. */
export const TABLES_SQL = `
WITH ${REACH}
SELECT json_build_object(
  'name', format('%I.%I', n.nspname, c.relname),
  'isPartition', c.relispartition,
  'hasOwner', owner.attnum IS NOT NULL,
  'hasRls', c.relrowsecurity,
  'hasForce', c.relforcerowsecurity,
  'isOwned', EXISTS (SELECT FROM reach WHERE reach.oid = c.relowner),
  'privileges', ${privilegesOf('me')},
  'reachablePrivileges', ${privilegesOf('reach')},
  'mayChangeOwner', EXISTS (SELECT FROM reach WHERE has_column_privilege(reach.oid, c.oid, owner.attnum, 'UPDATE')),
  'policies', ${arrayOf(POLICIES)},
  'indexes', ${arrayOf(INDEXES)},
  'foreignKeys', ${arrayOf(FOREIGN_KEYS)}
) AS row
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS owner ON owner.attrelid = c.oid AND owner.attname = $4::text AND NOT owner.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($2::text[]) AND NOT ${isShared('$3')}
  AND NOT ${isOfExtension('pg_class', 'c.oid')}
ORDER BY n.nspname, c.relname`

/** $1 the role, $2 names of shared ones. Of every schema, since a view shows the tables of others. */
export const VIEWS_SQL = `
WITH ${REACH}
SELECT json_build_object(
  'name', format('%I.%I', n.nspname, c.relname),
  'isMaterialized', c.relkind = 'm',
  'isReachable', ${MAY_USE_SCHEMA} AND ${privilegesOf('reach')} && ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']
) AS row
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND NOT ${IS_SYSTEM} AND NOT ${isShared('$2')} AND NOT ${isOfExtension('pg_class', 'c.oid')}
  AND NOT EXISTS (
    SELECT FROM pg_options_to_table(c.reloptions)
    WHERE option_name = 'security_invoker' AND option_value::boolean)
ORDER BY n.nspname, c.relname`

/** $1 the role. */
export const FUNCTIONS_SQL = `
WITH ${REACH}
SELECT json_build_object(
  'name', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
  'isReachable', ${MAY_USE_SCHEMA} AND EXISTS (SELECT FROM reach WHERE has_function_privilege(reach.oid, p.oid, 'EXECUTE'))
) AS row
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prosecdef AND NOT ${IS_SYSTEM} AND NOT ${isOfExtension('pg_proc', 'p.oid')}
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE starts_with(setting, 'search_path='))
ORDER BY n.nspname, p.proname, p.oid`
