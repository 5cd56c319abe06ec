/**
 * How `npm run dev` goes on, and how it ends.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { dev, localSettings, preparedSettings, requestOf } from '../dev/dev-process.ts'
import { until } from '../helper.ts'
import { createDatabase, holdTable, isWaiting } from '../postgres.ts'
import { isAlive, ROOT, runProgram } from '../processes.ts'

t.test('npm run dev', async t => {
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
    const program = runProgram(t, 'dev/dev.ts', { env: localSettings(t), cwd })
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
})
