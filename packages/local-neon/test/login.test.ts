/**
 * Who is let in, and in which words the others are refused. The words and the one SQLSTATE are
 * those of Neon's proxy: proxy/src/stream.rs, proxy/src/auth/mod.rs, proxy/src/control_plane/errors.rs.
 */
import t, { type Test } from 'tap'
import { REFUSALS, type RefusalName } from '../src/proxy/refusals.ts'
import { BARE_DRIVERS, NEON_DRIVER, openNeonAs, urlWith } from './fixtures/bare.ts'
import { start } from './fixtures/sandbox.ts'

const lines: string[] = []
const neon = await start(t, { log: line => lines.push(line) })
const owner = NEON_DRIVER.open(t, neon.url)
await owner.query("CREATE ROLE groupies PASSWORD 'p'")
await owner.query("CREATE ROLE guest LOGIN PASSWORD 'p'")

for (const { name, open, transport } of BARE_DRIVERS) {
  t.test(`${name} is refused as XX000`, async t => {
    const refusedWith = (t: Test, url: string, message: string) =>
      t.rejects(open(t, url).query('SELECT 1'), { severity: 'ERROR', code: 'XX000', message })

    t.test('with a wrong password', async t => {
      await refusedWith(
        t,
        urlWith(neon.url, { password: 'wrong' }),
        "password authentication failed for user 'neondb_owner'"
      )
    })

    t.test('as a role that does not exist, which it is not told', async t => {
      await refusedWith(
        t,
        urlWith(neon.url, { user: 'nobody' }),
        "password authentication failed for user 'nobody'"
      )
    })

    t.test('as the superuser', async t => {
      await refusedWith(
        t,
        urlWith(neon.url, { user: 'cloud_admin' }),
        "password authentication failed for user 'cloud_admin'"
      )
    })

    t.test('in the words of Postgres as a role that may not log in', async t => {
      await refusedWith(
        t,
        urlWith(neon.url, { user: 'groupies', password: 'p' }),
        'role "groupies" is not permitted to log in'
      )
    })

    t.test('in the words of Postgres for a database that does not exist', async t => {
      await refusedWith(t, urlWith(neon.url, { database: 'none' }), 'database "none" does not exist')
    })

    t.test('at an endpoint that does not exist', async t => {
      await refusedWith(
        t,
        urlWith(neon.url, { options: 'endpoint=ep-other' }),
        'Control plane request failed: endpoint cannot be found'
      )
    })

    for (const refusal of Object.keys(REFUSALS) as RefusalName[]) {
      t.test(`once, when that is asked for by name: ${refusal}`, async t => {
        const injection = neon.inject({ type: 'login', message: refusal, times: 1, where: { transport } })
        t.teardown(injection.remove)

        await refusedWith(t, neon.url, REFUSALS[refusal])

        t.equal(injection.hits, 1)
        t.match(await open(t, neon.url).query('SELECT 1 AS one'), { rows: [{ one: 1 }] })
      })
    }

    t.test('when Postgres has no slot left for its role', async t => {
      await owner.query('ALTER ROLE guest CONNECTION LIMIT 0')

      await refusedWith(
        t,
        urlWith(neon.url, { user: 'guest', password: 'p' }),
        'too many connections for role "guest"'
      )

      await owner.query('ALTER ROLE guest CONNECTION LIMIT -1')
    })
  })

  t.test(`${name} is let in`, async t => {
    t.test('as a role that was made with SQL', async t => {
      const pool = open(t, urlWith(neon.url, { user: 'guest', password: 'p' }))

      t.match(await pool.query('SELECT current_user AS me'), { rows: [{ me: 'guest' }] })
    })

    t.test('with a new password at once, and no more with the old one', async t => {
      const as = (password: string) => open(t, urlWith(neon.url, { user: 'guest', password }))

      await owner.query("ALTER ROLE guest PASSWORD 'new'")

      await t.rejects(as('p').query('SELECT 1'), { code: 'XX000' })
      t.match(await as('new').query('SELECT 1 AS one'), { rows: [{ one: 1 }] })
      await owner.query("ALTER ROLE guest PASSWORD 'p'")
    })
  })
}

t.test('the host that a WebSocket names', async t => {
  t.test('leads to its endpoint', async t => {
    const pool = openNeonAs(t, neon.url, 'ep-local.us-east-2.aws.neon.tech')

    t.match(await pool.query('SELECT 1 AS one'), { rows: [{ one: 1 }] })
  })

  t.test('leads to its endpoint through the pooler with -pooler', async t => {
    const logins = loginsOf(t)

    await openNeonAs(t, neon.url, 'ep-local-pooler.us-east-2.aws.neon.tech').query('SELECT 1')

    t.match(logins, [{ endpoint: 'ep-local', isPooled: true }])
  })

  t.test('is refused when there is no such endpoint', async t => {
    await t.rejects(openNeonAs(t, neon.url, 'ep-other.us-east-2.aws.neon.tech').query('SELECT 1'), {
      code: 'XX000',
      message: 'Control plane request failed: endpoint cannot be found'
    })
  })

  t.test('is refused when it names another endpoint than the option does', async t => {
    const url = urlWith(neon.url, { options: 'endpoint=ep-other' })

    await t.rejects(openNeonAs(t, url, 'ep-local.us-east-2.aws.neon.tech').query('SELECT 1'), {
      code: 'XX000',
      message: "Inconsistent project name inferred from SNI ('ep-local') and project option ('ep-other')."
    })
  })
})

t.test('an option that names the endpoint', async t => {
  for (const { name, open, transport } of BARE_DRIVERS) {
    t.test(`leads ${name} to it, directly and through the pooler`, async t => {
      const logins = loginsOf(t)

      await open(t, urlWith(neon.url, { options: 'endpoint=ep-local' })).query('SELECT 1')
      await open(t, neon.urls.pooled).query('SELECT 1')

      t.match(logins, [
        { transport, endpoint: 'ep-local', isPooled: false },
        { transport, endpoint: 'ep-local', isPooled: true }
      ])
    })
  }
})

t.test('a listener that throws keeps nobody out, and is complained of once', async t => {
  const stop = neon.observe(() => {
    throw new Error('of the listener')
  })
  t.teardown(stop)
  lines.length = 0
  const logins = loginsOf(t)

  for (let login = 0; login < 2; login += 1) await NEON_DRIVER.open(t, neon.url).query('SELECT 1')

  t.equal(logins.length, 2)
  t.strictSame(lines, ['A listener of this local Neon threw: Error: of the listener'])
})

/** The logins from now on. */
function loginsOf(t: Test): object[] {
  const logins: object[] = []
  t.teardown(neon.observe(event => event.type === 'login' && logins.push(event)))
  return logins
}
