/**
 * The tools that a Neon user has, with the settings that they come with.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { neonConfig, Pool } from '@neondatabase/serverless'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startLocalNeon } from '../src/local-neon.ts'
import { dataDirectoryOf } from '../src/postgres/cluster.ts'
import { socketDirectoryOf } from '../src/postgres/socket-directory.ts'
import { ownedPrefix } from '../src/temporary-folder.ts'
import { folder, serve, start, systemFolder, until, untilGone } from './fixtures/sandbox.ts'

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

  t.test('removes what a killed process has left, and nothing of one that lives', async t => {
    const systemDirectory = await systemFolder()
    const env = { ...process.env, TMPDIR: temporary }
    const living = await serve(t, '', { env })
    const [home = ''] = await readdir(temporary)
    // As if another process had had the pid of this one before.
    const abandoned = join(temporary, `${ownedPrefix('local-neon-').replace(/-\d+-(\d+-)$/, '-1-$1')}abcdef`)
    await mkdir(abandoned)

    const own = await startLocalNeon({ systemDirectory })
    const beside = await readdir(temporary)
    await own.close()
    process.kill(-living.group, 'SIGKILL')
    living.child.kill('SIGKILL')
    await untilGone(living)
    await until('it has ended', () => living.child.signalCode !== null)
    const next = await startLocalNeon({ systemDirectory })
    const after = await readdir(temporary)
    await next.close()

    t.notOk(beside.includes(basename(abandoned)))
    t.ok(beside.includes(home))
    t.notOk(after.includes(home))
    t.notOk(existsSync(socketDirectoryOf(dataDirectoryOf(join(temporary, home, 'cluster')))))
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
