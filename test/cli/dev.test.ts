import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { until } from '../helper.ts'
import { copyCluster, removeSocketOf } from '../local/fixtures/sandbox.ts'
import { createDatabase, holdTable, isWaiting } from '../postgres.ts'
import { isAlive, ROOT, runProgram } from '../processes.ts'

function localSettings(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'fastify-neon-dev-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  removeSocketOf(t, join(directory, 'local'))
  // Root's Postgres runs as another user, who has to get in.
  chmodSync(directory, 0o755)
  return {
    LOCAL_NEON_DIRECTORY: join(directory, 'local'),
    LOCAL_NEON_SYSTEM_DIRECTORY: join(directory, 'system'),
    LOCAL_NEON_PORT: '0',
    PORT: '0'
  }
}

/** With a cluster that is there, which a start would make in twice the time. */
async function preparedSettings(t: Test) {
  const settings = localSettings(t)
  mkdirSync(settings.LOCAL_NEON_DIRECTORY)
  await copyCluster(settings.LOCAL_NEON_DIRECTORY)
  return settings
}

function dev(t: Test, env: Record<string, string>) {
  return runProgram(t, 'src/cli/dev.ts', { env, cwd: tmpdir() })
}

/** As a shell would split the printed line. */
function requestOf(curl: string): [string, { headers: Record<string, string> }] {
  const [, authorization = '', url = ''] = /authorization: ([^']+)' (\S+)/.exec(curl) ?? []
  return [url, { headers: { authorization } }]
}

t.test('npm run dev', async t => {
  t.test(
    'starts a database, applies the migrations and serves, and keeps the data for the next time',
    async t => {
      const env = localSettings(t)
      const first = dev(t, env)
      const [url, options] = requestOf(await first.said(/^try +(curl .*)$/m))
      const body = JSON.stringify({ title: 'kept' })
      const headers = { ...options.headers, 'content-type': 'application/json' }
      t.equal((await fetch(url, { method: 'POST', headers, body })).status, 201)
      t.match(first.output(), /^applied +0000_tasks$/m)
      t.match(first.output(), /^database +postgresql:\/\/neondb_owner:[\w-]+@127\.0\.0\.1:\d+\/neondb$/m)
      first.child.kill('SIGINT')
      t.equal(await first.ended, 0)

      const second = dev(t, { ...env, LOCAL_NEON_SUSPEND_AFTER_MS: '300' })
      const request = requestOf(await second.said(/^try +(curl .*)$/m))
      await second.said(/^stop[\s\S]*^suspend +idle for long enough$/m)
      const again = await fetch(...request)
      t.match(await again.json(), { items: [{ title: 'kept' }] })
      t.match(second.output(), /^suspend [\s\S]*^wake +after \d+ ms$/m)
      t.notMatch(second.output(), /applied/)

      second.child.kill('SIGTERM')
      t.equal(await second.ended, 0)
    }
  )

  t.test('starts the service again when its source changes', async t => {
    const program = dev(t, await preparedSettings(t))
    await program.said(/^stop/m)
    const now = new Date()

    await utimes(join(ROOT, 'src', 'limits.ts'), now, now)

    await program.said(/^limits\.ts changed: starting again$/m)
    await program.said(/Server listening.*Server listening/s)
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  })

  t.test('leaves nothing behind when it is killed', async t => {
    const program = dev(t, await preparedSettings(t))
    await program.said(/^stop/m)
    const service = Number(await program.said(/"pid":(\d+)/))

    program.child.kill('SIGKILL')

    await until(() => !isAlive(service))
    // The output closes when the last process that holds it has ended, Postgres among them.
    t.equal(await program.ended, 'SIGKILL')
  })

  t.test('ends at once at a second wish', async t => {
    const databaseUrl = await createDatabase(t)
    const program = dev(t, { ...localSettings(t), DATABASE_URL: databaseUrl })
    const request = requestOf(await program.said(/^try +(curl .*)$/m))
    await holdTable(t, databaseUrl)
    const cutOff = t.rejects(fetch(...request))
    await until(() => isWaiting(databaseUrl))

    program.child.kill('SIGTERM')
    await program.said(/"msg":"closing"/)
    // One Ctrl-C may come twice, from the terminal and from npm.
    await sleep(350)
    program.child.kill('SIGTERM')

    await cutOff
    t.equal(await program.ended, 1)
  })

  t.test('ends when the database does', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.teardown(() => taken.close())
    const address = taken.address()
    const port = typeof address === 'object' ? `${address?.port}` : ''
    const settings = { ...(await preparedSettings(t)), LOCAL_NEON_PORT: port }
    const program = dev(t, settings)
    await program.said(/^stop/m)
    t.match(program.output(), `port ${port} is taken, so the database is at `)
    const { postgresPid } = JSON.parse(
      readFileSync(join(settings.LOCAL_NEON_DIRECTORY, 'running.json'), 'utf8')
    )

    process.kill(postgresPid, 'SIGKILL')

    t.equal(await program.ended, 1)
    t.match(program.output(), /^the database ended without being asked to$/m)
  })

  t.test('says when the service ended, and stays for the next change', async t => {
    const program = dev(t, { ...localSettings(t), DATABASE_URL: await createDatabase(t) })
    await program.said(/^stop/m)

    process.kill(Number(await program.said(/"pid":(\d+)/)), 'SIGKILL')

    await program.said(/^the service ended; a change in src starts it again$/m)
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  })

  t.test('uses the database that .env names, migrates nothing and hides its password', async t => {
    const databaseUrl = await createDatabase(t)
    const cwd = t.testdir({ '.env': `DATABASE_URL=${databaseUrl}\n` })
    const program = runProgram(t, 'src/cli/dev.ts', { env: localSettings(t), cwd })
    await program.said(/^stop/m)

    t.match(program.output(), /^database +postgresql:\/\/neondb_owner:\*\*\*@127/m)
    t.notOk(program.output().includes(new URL(databaseUrl).password))
    t.notMatch(program.output(), /applied|LOCAL/)
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  })

  t.test('leaves sign-in to the issuer that it is given', async t => {
    const issuer = {
      AUTH_ISSUER: 'https://issuer.test',
      AUTH_AUDIENCE: 'x',
      AUTH_JWKS_URL: 'https://issuer.test/jwks'
    }
    const program = dev(t, { ...localSettings(t), ...issuer, DATABASE_URL: await createDatabase(t) })

    await program.said(/^stop/m)

    t.notMatch(program.output(), /curl/)
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  })

  t.test('ends with the service when that does not start', async t => {
    const program = dev(t, { ...localSettings(t), DATABASE_URL: 'postgresql://x', LOG_LEVEL: 'loud' })

    t.equal(await program.ended, 1)
    t.match(program.output(), /LOG_LEVEL must be one of/)
  })

  t.test('says what is wrong with its own settings', async t => {
    const program = dev(t, { ...localSettings(t), LOCAL_NEON_PORT: 'many' })

    t.equal(await program.ended, 1)
    t.equal(program.output(), 'LOCAL_NEON_PORT must be a whole number from 0 to 65535, not "many"\n')
  })
})
