/**
 * What the database says of itself, behind a login.
 */
import { auditIsolation, errorsAmong, isolationScope } from '../../rls-audit/audit.ts'
import { andMore, failed, type LoggedIn, ok, type Step, skipped, warning } from './step.ts'

const SECOND_MS = 1000
const ROUND_TRIPS = 10
// Farther than to another part of the same continent.
const FAR_MS = 50
const MOST_SKEW_MS = 5000
const MANY_CONNECTIONS = 0.8

export const SERVER = `
  select current_setting('server_version') as version,
    extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 * 1000 as "uptimeMs",
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
    current_user as login,
    (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as bypasses`

export const DATABASE_STEPS: readonly Step<LoggedIn>[] = [
  {
    name: 'compute',
    async look({ loginMs, hasWoken, url, server: { version, uptimeMs } }) {
      return ok(
        `Postgres ${version}, ${url.isPooled ? 'pooled' : 'direct'}, ` +
          (hasWoken
            ? `slept, and woke within ${Math.round(loginMs)} ms`
            : `awake for ${Math.round(uptimeMs / SECOND_MS)} s`)
      )
    }
  },
  {
    name: 'round trip',
    async look({ session }) {
      const times: number[] = []
      for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
        const startedAt = performance.now()
        await session.query('select 1')
        times.push(performance.now() - startedAt)
      }
      const p50 = Number(times.sort((one, other) => one - other)[ROUND_TRIPS / 2])
      const text = `p50 of ${ROUND_TRIPS}: ${p50.toFixed(1)} ms`
      return p50 > FAR_MS
        ? warning(
            text,
            'Each statement takes that long at least: run the service in the region of the database.'
          )
        : ok(text)
    }
  },
  {
    name: 'prepared statements',
    async look({ session, url }) {
      if (!url.isPooled) return ok('by Postgres itself')
      // A pooler that keeps track of names has given it one of its own.
      const name = 'fastify_neon_doctor'
      const rows = await session.prepared<{ name: string }>(name, 'select name from pg_prepared_statements')
      return rows.some(row => row.name === name)
        ? warning(
            'the pooler passes their names on (max_prepared_statements = 0)',
            'Statements are prepared each time: set max_prepared_statements, or use the direct host.'
          )
        : ok('the pooler keeps track of their names')
    }
  },
  {
    name: 'connections',
    async look({ server: { used, most } }) {
      const text = `${used} of ${most} in use`
      return used > most * MANY_CONNECTIONS
        ? warning(text, 'Lower DATABASE_POOL_MAX, use the pooled host, or a larger compute.')
        : ok(text)
    }
  },
  {
    name: 'clock',
    async look({ session }) {
      const startedAt = Date.now()
      const [row] = await session.query<{ now: number }>(
        'select extract(epoch from clock_timestamp())::float8 * 1000 as now'
      )
      return judgeSkew(Number(row?.now) - (startedAt + Date.now()) / 2, 'that of the database')
    }
  },
  {
    name: 'role',
    async look({ role, server: { login, bypasses } }) {
      const text = `logs in as ${login}, ${role === undefined ? 'and stays it' : `transactions switch to ${role}`}`
      return bypasses && role === undefined
        ? warning(
            `${text}; row-level security does not hold for it`,
            'Log in as, or switch to, a role created by SQL.'
          )
        : ok(text)
    }
  },
  {
    name: 'isolation',
    async look({ session, role }) {
      if (role === undefined) return skipped('no role: set DATABASE_ROLE, or --role')
      const { findings } = await auditIsolation(session.query, isolationScope({ role }))
      const [first, ...others] = errorsAmong(findings)
      return first === undefined
        ? ok('the database keeps the rows of users apart')
        : failed(`${first.object}: ${first.message}${andMore(others)}`, 'Run npx fastify-neon audit.')
    }
  }
]

export function judgeSkew(skewMs: number, whose: string) {
  const text = `${Math.abs(skewMs / SECOND_MS).toFixed(1)} s ${skewMs < 0 ? 'ahead of' : 'behind'} ${whose}`
  return Math.abs(skewMs) > MOST_SKEW_MS
    ? warning(text, 'Set the clock of this machine: tokens and certificates are judged by it.')
    : ok(text)
}
