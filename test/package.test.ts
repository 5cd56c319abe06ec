import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { createDatabase } from './postgres.ts'
import { ROOT } from './processes.ts'

const run = promisify(execFile)

/** What another backend writes: its own Fastify, its own tables, the two plugins. */
const APPLICATION = `
import fastify from 'fastify'
import { pgTable, text } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'

const tasks = pgTable('tasks', { title: text('title') })
const app = fastify()
await app.register(db, { connectionString: process.env.DATABASE_URL, schema: { tasks } })
await app.register(health)
const { rows } = await app.db.transaction(tx => tx.execute(sql\`select 1 as one\`))
const livez = (await app.inject('/livez')).statusCode
const readyz = (await app.inject('/readyz')).statusCode
const count = await app.db.$count(tasks)
const found = await app.db.query.tasks.findMany()
await app.close()
console.log(JSON.stringify({ livez, readyz, rows, count, found }))
`

const TYPED = `
import fastify from 'fastify'
import { pgTable, text } from 'drizzle-orm/pg-core'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'

const tasks = pgTable('tasks', { title: text('title').notNull() })
declare module 'fastify-neon/db' {
  interface Register { schema: { tasks: typeof tasks } }
}
const app = fastify()
await app.register(db, { connectionString: '', schema: { tasks } })
await app.register(health)
const [task] = await app.db.query.tasks.findMany()
export const title: string | undefined = task?.title
// @ts-expect-error There is no such column.
export const none = task?.none
app.health.drain()
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
      'README.md',
      'LICENSE'
    ]) {
      t.ok(files.includes(file), file)
    }
    t.strictSame(
      files.filter(file => /\/(?:local|cli|db|routes|test)\/|server|app\.|auth|\.env|\.map$/.test(file)),
      []
    )
  })

  t.test('gives a plain Fastify application its plugins', async t => {
    await writeFile(join(folder, 'app.js'), APPLICATION)

    const { stdout } = await run(process.execPath, ['app.js'], {
      cwd: folder,
      env: { PATH: process.env.PATH, DATABASE_URL: await createDatabase(t) }
    })

    t.strictSame(JSON.parse(stdout), { livez: 200, readyz: 200, rows: [{ one: 1 }], count: 0, found: [] })
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
