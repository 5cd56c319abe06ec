/**
 * How `npm run dev` goes on, and how it ends.
 */
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { dev, localSettings, preparedSettings, requestOf } from '../dev/dev-process.ts'
import { until } from '../support/app.ts'
import { administer, createDatabase, holdTable, isWaiting } from '../support/postgres.ts'
import { isAlive, ROOT, runProgram } from '../support/processes.ts'

t.test('npm run dev', async t => {
  t.test('starts the service again when its source changes', async t => {
    const program = dev(t, await preparedSettings(t))
    await program.said(/^stop/m)
    const now = new Date()

    await utimes(join(ROOT, 'src', 'limits.ts'), now, now)

    await program.said(/^src\/limits\.ts changed: starting again$/m)
    await program.said(/Server listening.*Server listening/s)
    const ports = [...program.output().matchAll(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/g)]
    t.equal(new Set(ports.map(([, port]) => port)).size, 1, 'at the same port')
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
  })

  t.test(
    'applies a migration that comes, says what is wrong with one, and takes it when it is fixed',
    async t => {
      const project = copyService(t)
      const env = await preparedSettings(t)
      const program = runProgram(t, relative(ROOT, join(project, 'dev/dev.ts')), { env, cwd: project })
      const request = requestOf(await program.said(/^try +(curl .*)$/m))
      await program.said(/^stop/m)
      const number = readdirSync(join(project, 'drizzle')).filter(name => name.endsWith('.sql')).length

      addMigration(project, number, 'place', 'alter table tasks add place text')
      await program.said(/^applied +\d+_place$[\s\S]*Server listening/m)
      const [, databaseUrl = ''] = /^database +(\S+)$/m.exec(program.output()) ?? []
      await administer('select place from tasks', databaseUrl)
      const file = addMigration(project, number + 1, 'other', 'alter table tasks add place text')
      await program.said(
        /^failed +\d+_other: column "place" of relation "tasks" already exists, in .*_other\.sql:1$/m
      )
      await until(async () => (await fetch(...request).catch(() => undefined))?.status === 200)
      writeFileSync(file, 'alter table tasks add area text')
      await program.said(/^applied +\d+_other$[\s\S]*Server listening/m)

      await administer('select area from tasks', databaseUrl)
      program.child.kill('SIGTERM')
      t.equal(await program.ended, 0)
    }
  )

  t.test('leaves the migrations of a database that is given, and says how they are applied', async t => {
    const project = copyService(t)
    const env = { ...localSettings(t), DATABASE_URL: await createDatabase(t) }
    const program = runProgram(t, relative(ROOT, join(project, 'dev/dev.ts')), { env, cwd: project })
    await program.said(/^stop/m)

    addMigration(project, 99, 'place', 'alter table tasks add place text')

    await program.said(/^drizzle\/ has changed: npm run db:migrate applies it/m)
    await t.rejects(administer('select place from tasks', env.DATABASE_URL))
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

/** Inside this project, so that its packages are found. */
function copyService(t: Test): string {
  const project = t.testdir({})
  for (const name of ['dev', 'drizzle', 'package.json', 'src'])
    cpSync(join(ROOT, name), join(project, name), { recursive: true })
  return project
}

/** As drizzle-kit writes it. */
function addMigration(project: string, number: number, name: string, sql: string): string {
  const folder = join(project, 'drizzle')
  const tag = `${`${number}`.padStart(4, '0')}_${name}`
  const journal = join(folder, 'meta/_journal.json')
  const { entries, ...rest } = JSON.parse(readFileSync(journal, 'utf8'))
  const when = Number(entries.at(-1).when) + 1
  const entry = { idx: number, version: '7', when, tag, breakpoints: true }
  const file = join(folder, `${tag}.sql`)
  writeFileSync(file, sql)
  writeFileSync(journal, JSON.stringify({ ...rest, entries: [...entries, entry] }))
  return file
}
