import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { DRIVERS, endOf } from './fixtures/drivers.ts'
import { start, until } from './fixtures/sandbox.ts'

const MANY_BYTES = 5_000_000

for (const { name, connect: login, cancel } of DRIVERS) {
  t.test(name, async t => {
    const neon = await start(t)

    t.test('is the owner of neondb and no superuser, as on Neon', async t => {
      const client = await login(t, neon.url)

      const { rows } = await client.query(`
        SELECT current_user AS role, current_database() AS database, rolsuper, rolcreatedb, rolcreaterole,
          rolbypassrls, rolreplication, pg_get_userbyid(datdba) AS owner, datlocprovider::text, datlocale,
          pg_encoding_to_char(encoding) AS encoding, current_setting('TimeZone') AS zone
        FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`)

      t.strictSame(rows, [
        {
          role: 'neondb_owner',
          database: 'neondb',
          rolsuper: false,
          rolcreatedb: true,
          rolcreaterole: true,
          rolbypassrls: true,
          rolreplication: true,
          owner: 'neondb_owner',
          datlocprovider: 'b',
          datlocale: 'C.UTF-8',
          encoding: 'UTF8',
          zone: 'GMT'
        }
      ])
    })

    t.test('is a member of neon_superuser, who cannot log in', async t => {
      const client = await login(t, neon.url)

      const { rows } = await client.query(`
        SELECT rolcanlogin, pg_has_role('neondb_owner', oid, 'USAGE') AS member,
          pg_has_role(oid, 'pg_read_all_data', 'USAGE') AS reads,
          pg_has_role(oid, 'pg_write_all_data', 'USAGE') AS writes
        FROM pg_roles WHERE rolname = 'neon_superuser'`)

      t.strictSame(rows, [{ rolcanlogin: false, member: true, reads: true, writes: true }])
    })

    t.test('makes tables, roles and databases', async t => {
      const client = await login(t, neon.url)

      await client.query('CREATE TABLE made (n int)')
      await client.query("CREATE ROLE reader LOGIN PASSWORD 'p'")
      await client.query('CREATE DATABASE other')

      await client.query('DROP TABLE made')
      await client.query('DROP ROLE reader')
      await client.query('DROP DATABASE other')
      t.pass('all of it is allowed')
    })

    t.test('gets large values through, both ways', async t => {
      const client = await login(t, neon.url)

      const { rows } = await client.query('SELECT length($1::text) AS sent, repeat($2, $3) AS received', [
        'x'.repeat(MANY_BYTES),
        'y',
        MANY_BYTES
      ])

      t.match(rows, [{ sent: MANY_BYTES, received: /^y+$/ }])
    })

    t.test('cancels a statement', async t => {
      const client = await login(t, neon.url)
      const watcher = await login(t, neon.url)
      const sleeping = client.query('SELECT pg_sleep(60)')
      const cancelled = t.rejects(sleeping, { code: '57014' })
      await until('the statement runs', async () => {
        const { rows } = await watcher.query(
          "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
        )
        return rows.length > 0
      })

      cancel(neon.url, client)

      await cancelled
    })

    t.test('is told when Postgres ends its session', async t => {
      const client = await login(t, neon.url)
      const killer = await login(t, neon.url)
      const ended = endOf(client)
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid')

      await killer.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])

      await ended
      t.pass('the client has ended')
    })

    t.test('leaves no session behind when it goes', async t => {
      const watcher = await login(t, neon.url)
      const client = await login(t, neon.url)
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid')

      await client.end()

      await until('the session is gone', async () => {
        const found = await watcher.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0]?.pid])
        return found.rows.length === 0
      })
      t.pass('gone')
    })

    t.test('is refused with a wrong password', async t => {
      await t.rejects(login(t, withUser(neon.url, 'neondb_owner', 'wrong')), {
        severity: 'ERROR',
        code: 'XX000',
        message: "password authentication failed for user 'neondb_owner'"
      })
    })

    t.test('is refused as cloud_admin, whatever the password', async t => {
      await t.rejects(login(t, withUser(neon.url, 'cloud_admin', new URL(neon.url).password)), {
        message: "password authentication failed for user 'cloud_admin'"
      })
    })

    t.test('is ended by a close', async t => {
      const own = await start(t)
      const client = await login(t, own.url)
      const ended = endOf(client)

      await own.close()

      await ended
      t.pass('the client has ended')
    })
  })
}

t.test('TLS is not spoken, which an SSLRequest is told', async t => {
  const neon = await start(t)
  const { hostname, port } = new URL(neon.url)
  const socket = connect(Number(port), hostname)
  t.teardown(() => socket.destroy())

  socket.write(Buffer.from('0000000804d2162f', 'hex'))

  t.equal(String((await once(socket, 'data'))[0]), 'N')
})

function withUser(url: string, username: string, password: string): string {
  return Object.assign(new URL(url), { username, password }).href
}
