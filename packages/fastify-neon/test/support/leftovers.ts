/**
 * What is left on the sessions of a pooler that a new session does not have.
 */
import pg from 'pg'

const LOOK = `select concat_ws(' ',
  case when current_user <> session_user then 'role' end,
  (select string_agg(name, ' ') from pg_settings
    where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone',
      'IntervalStyle', 'standard_conforming_strings')),
  nullif(current_setting('app.user_id', true), ''),
  case when current_setting('default_transaction_read_only') = 'on' then 'read only' end,
  (select 'advisory lock' from pg_locks where pid = pg_backend_pid() and locktype = 'advisory' limit 1),
  (select 'temporary table' from pg_class where relnamespace = pg_my_temp_schema() limit 1),
  (select 'portal' from pg_cursors where name <> '' limit 1),
  (select 'statement ' || name from pg_prepared_statements
    where name not like 'PGBOUNCER\\_%' and name not like 'fastify-neon-%' limit 1)) as found`

/** Looks at as many sessions at once, of which each is another one. Nobody else may use them. */
export async function leftoversOf(url: string, sessions: number): Promise<string[]> {
  const clients = Array.from({ length: sessions }, () => new pg.Client({ connectionString: url }))
  try {
    for (const client of clients) {
      await client.connect()
      await client.query('begin')
    }
    const found = await Promise.all(clients.map(client => client.query<{ found: string }>(LOOK)))
    for (const client of clients) await client.query('rollback')
    return found.map(({ rows: [row] }) => row?.found ?? '').filter(text => text !== '')
  } finally {
    for (const client of clients) await client.end()
  }
}
