/**
 * What a person does from outside: psql on the URLs, and the end of sessions on command.
 */
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { BARE_DRIVERS, type BareDriver, urlWith } from './fixtures/bare.ts'
import { start } from './fixtures/sandbox.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

t.test('psql', { skip: !hasPsql() && 'there is no psql on the PATH' }, async t => {
  const psql = (url: string, ...args: string[]) =>
    promisify(execFile)('psql', ['--no-psqlrc', '--tuples-only', '--no-align', ...args, url])

  for (const [host, url] of Object.entries({ direct: neon.urls.direct, pooled: neon.urls.pooled })) {
    t.test(`works with the ${host} URL, and wakes the compute`, async t => {
      await neon.suspend()

      const { stdout } = await psql(url, '--command=SELECT current_user, current_database()')

      t.equal(stdout, 'neondb_owner|neondb\n')
    })
  }

  t.test('describes a table, which takes it several statements', async t => {
    await psql(neon.url, '--command=CREATE TABLE seen (id int)')

    const { stdout } = await psql(neon.url, '--command=\\d seen')

    t.match(stdout, 'id|integer')
  })

  t.test('says why it is refused, in the words of Neon', async t => {
    const url = urlWith(neon.url, { password: 'wrong' })

    const failure = await psql(url, '--command=SELECT 1').catch(thrown => thrown)

    t.match(failure.stderr, /ERROR: {2}password authentication failed for user 'neondb_owner'/)
  })
})

for (const driver of BARE_DRIVERS) {
  t.test(`killBackends ends sessions of ${driver.name} with 57P01`, async t => {
    t.test('all there are, without a filter', async t => {
      // The sessions that PgBouncer keeps from an earlier test count as well.
      await neon.killBackends()
      const lost = [await idle(t, driver, 'one'), await idle(t, driver, 'other')]

      t.equal(await neon.killBackends(), 2)

      t.match(await Promise.all(lost.map(({ error }) => error)), [{ code: '57P01' }, { code: '57P01' }])
    })

    t.test('those alone that a filter names', async t => {
      const victim = await idle(t, driver, "o'victim")
      const other = await idle(t, driver, 'other')

      t.equal(await neon.killBackends({ applicationName: "o'victim", user: 'neondb_owner' }), 1)

      t.match(await victim.error, { code: '57P01' })
      t.equal(await other.pid(), other.firstPid)
      t.equal(await neon.killBackends({ processId: other.firstPid, database: 'neondb' }), 1)
    })

    t.test('none when nobody fits', async t => {
      t.equal(await neon.killBackends({ user: 'nobody' }), 0)
      t.equal(await neon.killBackends({ database: 'postgres' }), 0, 'not even the superuser’s')
    })
  })
}

/** A pool with one idle session of that name. */
async function idle(t: Test, { open }: BareDriver, name: string) {
  const pool = open(t, neon.url, { max: 1, application_name: name })
  const error = new Promise<Error>(resolve => pool.on('error', resolve))
  const pid = async () => Number((await pool.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid)
  return { error, pid, firstPid: await pid() }
}

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'])
    return true
  } catch {
    return false
  }
}
