/**
 * The commands of this project that find the local database by themselves.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findLocalDatabase, lacksDatabase, serviceSettings } from '../../dev/local-database.ts'
import { openIssuer } from '../../dev/token-issuer.ts'
import { applyMigrations } from '../../packages/fastify-neon/src/migrations/migrations.ts'
import { folder, start, systemFolder } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { build } from '../support/app.ts'
import { ROOT, runProgram } from '../support/processes.ts'

const FOLDER = join(ROOT, 'drizzle')

t.test('npm run db:…', async t => {
  const { neon, env } = await openLocal(t)

  t.test('works on the local database that runs, and says so beside what it prints', async t => {
    const { ended, output } = runProgram(t, 'dev/db.ts', {
      args: ['status', '--json', '--folder', FOLDER],
      cwd: t.testdir({ '.env': asFile(env) })
    })

    const code = await ended
    const [said, ...json] = output().split('\n')
    t.equal(said, `database   the local one at 127.0.0.1:${neon.port}`)
    t.match(JSON.parse(json.join('\n')), { applied: [], findings: [{ kind: 'pending' }], exitCode: code })
  })

  t.test('finds its URL and tells no password', async t => {
    const { url, message } = await findLocalDatabase(env)

    t.equal(url, neon.url)
    t.notMatch(message, new URL(neon.url).password)
  })

  t.test('says how a local database is started, where none runs', async t => {
    t.strictSame(await findLocalDatabase({ LOCAL_NEON_DIRECTORY: join(t.testdir({}), 'none') }), {
      message: 'no local database is running: npm run dev or npm run db:local starts one'
    })
  })

  t.test('looks for none where a setting names a database, or only the usage is wanted', async t => {
    const DATABASE_URL = 'postgresql://x'

    t.equal(lacksDatabase(['migrate'], {}), true)
    t.equal(lacksDatabase(['migrate'], { DATABASE_URL: '', DATABASE_URL_UNPOOLED: '' }), true)
    t.equal(lacksDatabase(['migrate'], { DATABASE_URL }), false)
    t.equal(lacksDatabase(['migrate'], { DATABASE_URL_UNPOOLED: DATABASE_URL }), false)
    t.equal(lacksDatabase(['migrate', '--help'], {}), false)
  })

  t.test('is so for each command that needs a database', async t => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const others = Object.entries<string>(scripts)
      .filter(([name, script]) => name.startsWith('db:') && !script.includes(' dev/db.ts '))
      .map(([name]) => name)

    t.strictSame(others, ['db:check', 'db:generate', 'db:local'])
  })
})

t.test('npm run dev:env', async t => {
  t.test('prints settings with which a service uses the local database, and takes its tokens', async t => {
    const { neon, env } = await openLocal(t)
    await applyMigrations({ url: neon.url, folder: FOLDER })
    const { ended, output } = runProgram(t, 'dev/env.ts', { cwd: t.testdir({ '.env': asFile(env) }) })
    t.equal(await ended, 0)

    // As `env $(npm run dev:env -s)` splits them.
    const settings = output()
      .trim()
      .split(/\s+/)
      .map(word => [word.split('=', 1)[0], word.replace(/^\w+=/, '')])
    const { app } = await build(t, Object.fromEntries(settings))
    const issuer = await openIssuer(env.LOCAL_NEON_DIRECTORY)
    const headers = { authorization: `Bearer ${await issuer.sign('alice', '1h')}` }
    const { statusCode, body } = await app.inject({ url: '/tasks', headers })

    t.strictSame(Object.fromEntries(settings), await serviceSettings(env))
    t.strictSame([statusCode, JSON.parse(body)], [200, { items: [], nextCursor: null }])
  })

  t.test('says how a local database is started, where none runs', async t => {
    const env = { LOCAL_NEON_DIRECTORY: join(t.testdir({}), 'none') }
    const { ended, output } = runProgram(t, 'dev/env.ts', { env })

    t.equal(await ended, 1)
    t.match(output(), /^no local database is running: /)
  })
})

function asFile(env: Record<string, string>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function openLocal(t: Test) {
  const directory = await folder(t)
  const neon = await start(t, { directory, suspendAfterMs: 0 })
  const env = { LOCAL_NEON_DIRECTORY: directory, LOCAL_NEON_SYSTEM_DIRECTORY: await systemFolder() }
  return { neon, env }
}
