/**
 * The tools that a Neon user has, with the settings that they come with.
 */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { neonConfig, Pool } from '@neondatabase/serverless'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startLocalNeon } from '../../src/local/neon.ts'
import { connectPg, endOf } from './fixtures/drivers.ts'
import { folder, start, systemFolder } from './fixtures/sandbox.ts'

const run = promisify(execFile)
const AT_ONCE = 20

const neon = await start(t, { tls: 'offered' })

t.test('the pool of the Neon driver, with its global settings and a login in one frame', async t => {
  t.test('works over ws', async t => {
    const pool = poolOf(t, neon.url, WebSocket, false)

    t.strictSame(await askAll(pool), numbers())
    t.equal(neonConfig.pipelineConnect, 'password')
  })

  t.test('works over wss, with the certificate verified', async t => {
    class Trusting extends WebSocket {
      constructor(address: string) {
        super(address, { ca: neon.ca?.pem })
      }
    }
    const pool = poolOf(t, String(neon.urls.directTls), Trusting, true)

    t.strictSame(await askAll(pool), numbers())
  })

  t.test('works through the pooled URL', async t => {
    t.strictSame(await askAll(poolOf(t, neon.urls.pooled, WebSocket, false)), numbers())
  })

  t.test('fails at the first query when the password is wrong, as on Neon', async t => {
    const url = Object.assign(new URL(neon.url), { password: 'wrong' }).href
    const pool = poolOf(t, url, WebSocket, false)

    await t.rejects(pool.query('SELECT 1'), { code: 'XX000', message: /^password authentication failed/ })
  })
})

t.test('psql', async t => {
  const isThere = await run('psql', ['--version']).then(
    () => true,
    () => false
  )
  const skip = !isThere && 'psql is not installed here'

  t.test('works with the printed URLs', { skip }, async t => {
    for (const url of [neon.url, neon.urls.pooled]) {
      t.equal((await run('psql', [url, '-XAtc', 'SELECT 41 + 1'])).stdout, '42\n')
    }
  })

  t.test('works over TLS, with certificate and name verified', { skip }, async t => {
    const url = `${neon.url}?sslmode=verify-full&sslrootcert=${neon.ca?.file}`

    t.equal((await run('psql', [url, '-XAtc', 'SELECT 41 + 1'])).stdout, '42\n')
  })

  t.test('prints what Neon says of a wrong password', { skip }, async t => {
    const url = Object.assign(new URL(neon.url), { password: 'wrong' }).href

    const { stderr } = await run('psql', [url, '-c', 'SELECT 1']).catch(failure => failure)

    t.match(stderr, /ERROR: {2}password authentication failed for user 'neondb_owner'/)
  })
})

t.test('killBackends', async t => {
  for (const [title, filterFor] of [
    ['one by its process id', async (id: number) => ({ processId: id })],
    ['those of an application', async () => ({ applicationName: 'victim' })],
    ['those of a user in a database', async () => ({ user: 'neondb_owner', database: 'neondb' })],
    ['all, without a filter', async () => undefined]
  ] as const) {
    t.test(`ends ${title}`, async t => {
      const client = await connectPg(t, `${neon.url}?application_name=victim`)
      const ended = endOf(client)
      const { rows } = await client.query('SELECT pg_backend_pid() AS id')

      const killed = await neon.killBackends(await filterFor(Number(rows[0]?.id)))

      t.ok(killed >= 1)
      await ended
    })
  }

  t.test('ends nobody whom the filter does not mean', async t => {
    const client = await connectPg(t, neon.url)

    t.equal(await neon.killBackends({ applicationName: "o'ther\\", user: 'nobody' }), 0)

    t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  })
})

t.test('a start without a folder', async t => {
  const temporary = await folder(t)
  const { TMPDIR } = process.env
  process.env.TMPDIR = temporary
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })

  t.test('leaves nothing when it is closed', async t => {
    const own = await startLocalNeon({ systemDirectory: await systemFolder() })
    t.match(await readdir(temporary), [/^local-neon-/])
    t.strictSame(await askAll(poolOf(t, own.url, WebSocket, false)), numbers())

    await own.close()

    t.strictSame(await readdir(temporary), [])
  })

  t.test('leaves nothing when it fails', async t => {
    const systemDirectory = await systemFolder()

    await t.rejects(startLocalNeon({ port: 65_536, systemDirectory }), { code: 'ERR_SOCKET_BAD_PORT' })

    t.strictSame(await readdir(temporary), [])
  })
})

function poolOf(
  t: Test,
  connectionString: string,
  webSocketConstructor: new (address: string) => WebSocket,
  isSecure: boolean
): Pool {
  Object.assign(neonConfig, {
    webSocketConstructor,
    useSecureWebSocket: isSecure,
    wsProxy: (host: string, port: number) => `${host}:${port}/v2`
  })
  const pool = new Pool({ connectionString })
  pool.on('error', () => {})
  t.teardown(() => (pool.ended ? undefined : pool.end()))
  return pool
}

async function askAll(pool: Pool): Promise<unknown[]> {
  const answers = await Promise.all(numbers().map(n => pool.query('SELECT $1::int AS n', [n])))
  return answers.map(({ rows }) => rows[0].n)
}

function numbers(): number[] {
  return Array.from({ length: AT_ONCE }, (_, index) => index)
}
