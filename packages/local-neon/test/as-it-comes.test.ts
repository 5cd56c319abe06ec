/**
 * The tools that a Neon user has, with the settings that they come with.
 */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { neonConfig, Pool } from '@neondatabase/serverless'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startLocalNeon } from '../src/local-neon.ts'
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

t.test('psql works over TLS, with certificate and name verified', async t => {
  const version = await run('psql', ['--version']).catch(() => undefined)
  if (version === undefined) return t.pass('psql is not installed here')
  const url = `${neon.url}?sslmode=verify-full&sslrootcert=${neon.ca?.file}`

  t.equal((await run('psql', [url, '-XAtc', 'SELECT 41 + 1'])).stdout, '42\n')
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
