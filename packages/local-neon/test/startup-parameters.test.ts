/**
 * What a client asks for when it starts, and what of it reaches Postgres: `set_startup_params` in
 * proxy/src/compute/mod.rs of Neon, and behind it the settings that PgBouncer takes.
 */
import t from 'tap'
import { BARE_DRIVERS, NEON_DRIVER, openNeonAs, urlWith } from './fixtures/bare.ts'
import { start } from './fixtures/sandbox.ts'

const neon = await start(t)
const TIMEOUTS = { statement_timeout: 5_000, lock_timeout: 6_000, idle_in_transaction_session_timeout: 7_000 }
const IN_EFFECT = `
  SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
    current_setting('idle_in_transaction_session_timeout') AS idle`
const NONE = { statement: '0', lock: '0', idle: '0' }
const ASKED_FOR = { statement: '5s', lock: '6s', idle: '7s' }
const COMPATIBLE = 'neon_proxy_params_compat:true'

for (const { name, open } of BARE_DRIVERS) {
  t.test(name, async t => {
    t.test('has no timeout in effect that it asked for as a parameter, and is not told', async t => {
      for (const url of [neon.urls.direct, neon.urls.pooled]) {
        t.strictSame((await open(t, url, TIMEOUTS).query(IN_EFFECT)).rows, [NONE])
      }
    })

    t.test('has the timeouts in effect when its options ask for parameters to be passed on', async t => {
      const url = urlWith(neon.url, { options: COMPATIBLE })

      t.strictSame((await open(t, url, TIMEOUTS).query(IN_EFFECT)).rows, [ASKED_FOR])
    })

    t.test('has a setting in effect that its options name, at the direct host', async t => {
      const url = urlWith(neon.url, { options: 'endpoint=ep-local -c statement_timeout=5000' })

      t.match((await open(t, url).query(IN_EFFECT)).rows, [{ statement: '5s' }])
    })

    t.test('is refused such a setting at the pooled host, as PgBouncer does', async t => {
      const url = urlWith(neon.url, { options: 'endpoint=ep-local-pooler -c statement_timeout=5000' })

      await t.rejects(open(t, url).query('SELECT 1'), {
        severity: 'ERROR',
        code: 'XX000',
        message:
          'unsupported startup parameter in options: statement_timeout. Please use unpooled connection ' +
          'or remove this parameter from the startup package. More details: ' +
          'https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter'
      })
    })

    t.test('has its name in effect, and the encoding that there is', async t => {
      const pool = open(t, neon.url, { application_name: 'the tests' })

      const { rows } = await pool.query(
        "SELECT application_name AS name, current_setting('client_encoding') AS encoding FROM pg_stat_activity WHERE pid = pg_backend_pid()"
      )

      t.strictSame(rows, [{ name: 'the tests', encoding: 'UTF8' }])
    })

    t.test('is told of a setting that Postgres does not know in its own words', async t => {
      const url = urlWith(neon.url, { options: '-c no_such_setting=1' })

      await t.rejects(open(t, url).query('SELECT 1'), {
        code: 'XX000',
        message: 'unrecognized configuration parameter "no_such_setting"'
      })
    })
  })
}

t.test('a pooled host that is named by the Host header refuses settings too', async t => {
  const url = urlWith(neon.url, { options: '-c lock_timeout=1' })

  await t.rejects(openNeonAs(t, url, 'ep-local-pooler.example').query('SELECT 1'), {
    code: 'XX000',
    message: /^unsupported startup parameter in options: lock_timeout\./
  })
})

t.test('a setting of the role is in effect, at the pooled host as well', async t => {
  await NEON_DRIVER.open(t, neon.url).query('ALTER ROLE neondb_owner SET statement_timeout = 5000')
  // A pooler keeps the sessions that it has.
  await neon.suspend()

  for (const url of [neon.urls.direct, neon.urls.pooled]) {
    t.match((await NEON_DRIVER.open(t, url).query(IN_EFFECT)).rows, [{ statement: '5s' }])
  }
})
