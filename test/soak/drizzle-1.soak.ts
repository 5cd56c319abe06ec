/**
 * The migrations of this service go from Drizzle 0.45 to 1.0, by the real drizzle-kit and the real migrators of both.
 */
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { drizzle as drizzle0 } from 'drizzle-orm/node-postgres'
import { migrate as migrate0 } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzle1 } from 'drizzle-orm-1/node-postgres'
import { migrate as migrate1 } from 'drizzle-orm-1/node-postgres/migrator'
import Fastify from 'fastify'
import dbPlugin from 'fastify-neon/db'
import healthPlugin from 'fastify-neon/health'
import pg from 'pg'
import t, { type Test } from 'tap'
import { mark } from '../../packages/fastify-neon/src/cli/mark-applied-command.ts'
import { migrate as runMigrate } from '../../packages/fastify-neon/src/cli/migrate-command.ts'
import { showStatus } from '../../packages/fastify-neon/src/cli/status-command.ts'
import { captured } from '../../packages/fastify-neon/test/cli/captured.ts'
import { findDrift } from '../../packages/migration-lint/src/drift.ts'
import { checkMigrations } from '../../packages/migration-lint/src/lint.ts'
import * as schema from '../../src/db/schema.ts'
import { until } from '../support/app.ts'
import { administer, createDatabase } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'

const MODULES = join(ROOT, 'node_modules')
const COUNT = readdirSync(join(ROOT, 'drizzle')).filter(name => name.endsWith('.sql')).length

const migrate = captured(runMigrate)
const status = captured(showStatus)
const adopt = captured(mark)

/** A project with Drizzle 1.0, the tables of this service, and its folder of 0.x. */
function createProject(t: Test): string {
  const project = t.testdir({
    'drizzle.config.ts': `export default { dialect: 'postgresql', schema: './src/db/schema.ts', out: './drizzle' }`
  })
  for (const path of ['drizzle', 'src/db']) cpSync(join(ROOT, path), join(project, path), { recursive: true })
  mkdirSync(join(project, 'node_modules'))
  // A copy, which finds Drizzle from where it lies.
  cpSync(join(MODULES, 'drizzle-kit-1'), join(project, 'node_modules/drizzle-kit'), { recursive: true })
  symlinkSync(join(MODULES, 'drizzle-orm-1'), join(project, 'node_modules/drizzle-orm'))
  return project
}

interface Run {
  code: number
  text: string
}

function kit(project: string, ...args: string[]): Promise<Run> {
  const { PATH, HOME } = process.env
  const bin = join(project, 'node_modules/drizzle-kit/bin.cjs')
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      [bin, ...args],
      { cwd: project, env: { PATH, HOME } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? 1, text: stdout + stderr })
    )
  })
}

/** With the types that 1.0 writes without a blank, as docs/reference/migrations.md says. */
async function up(t: Test, project: string) {
  t.match(await kit(project, 'up'), { code: 0 })
  for (const name of readdirSync(join(project, 'drizzle'))) {
    const file = join(project, 'drizzle', name, 'snapshot.json')
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/"(time(?:stamp)?) \((\d)\)/g, '"$1($2)'))
  }
}

/** By the code of this line's own `drizzle-kit migrate`. */
async function migrateBy(line: 0 | 1, url: string, migrationsFolder: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    if (line === 0) await migrate0(drizzle0({ client }), { migrationsFolder })
    else await migrate1(drizzle1({ client }), { migrationsFolder })
  } finally {
    await client.end()
  }
}

const rowsIn = (url: string) => administer('select * from drizzle.__drizzle_migrations order by id', url)

/** As a developer would: a new column, and its migration. */
async function generateColumn(
  t: Test,
  project: string,
  column: string,
  type = `text('${column}')`,
  name = column
) {
  const file = join(project, 'src/db/schema/tasks.ts')
  writeFileSync(file, readFileSync(file, 'utf8').replace('    done: ', `    ${column}: ${type},\n    done: `))
  t.match(await kit(project, 'generate', '--name', name), { code: 0 })
  return `${readdirSync(join(project, 'drizzle')).find(folder => folder.endsWith(`_${name}`))}`
}

const open = (t: Test) => createDatabase(t, { migrated: false })

t.test('the service, from Drizzle 0.45 to 1.0', async t => {
  t.test('by 0.45, drizzle-kit up and these commands, and Drizzle 1.0 has nothing to do', async t => {
    const url = await open(t)
    const project = createProject(t)
    const folder = join(project, 'drizzle')
    await migrateBy(0, url, folder)
    await up(t, project)

    t.match(await status({ DATABASE_URL: url }, '--folder', folder), {
      code: 0,
      text: `${COUNT} of ${COUNT} applied\n`
    })
    const name = await generateColumn(t, project, 'place')
    t.match(await migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0, text: `applied ${name}` })
    const rows = await rowsIn(url)
    await migrateBy(1, url, folder)

    t.strictSame(await rowsIn(url), rows)
    t.equal(rows.length, COUNT + 1)
    t.match(rows.at(-1), { name, applied_at: Date })
    t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
  })

  t.test('by these commands, drizzle-kit up and Drizzle 1.0, and these have nothing to do', async t => {
    const url = await open(t)
    const project = createProject(t)
    const folder = join(project, 'drizzle')
    t.match(await migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    await migrateBy(0, url, folder)
    await up(t, project)
    await generateColumn(t, project, 'place')

    await migrateBy(1, url, folder)

    const rows = await rowsIn(url)
    t.match(await migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0, text: 'nothing to do: all' })
    t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    t.strictSame(await rowsIn(url), rows)
  })

  t.test('has a new database, one without a ledger, and a service that is ready', async t => {
    const url = await open(t)
    const project = createProject(t)
    const folder = join(project, 'drizzle')
    await up(t, project)
    const app = Fastify()
    t.teardown(() => app.close())
    app.register(dbPlugin, { connectionString: url, schema })
    app.register(healthPlugin, { migrations: { folder } })
    await app.ready()
    const statusCode = async () => (await app.inject('/readyz')).statusCode
    await until(async () => (await app.inject('/startupz')).statusCode === 503)
    t.equal(await statusCode(), 503)

    t.match(await migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0, text: `${COUNT} applied\n` })
    await until(async () => (await statusCode()) === 200)

    await administer('drop table drizzle.__drizzle_migrations', url)
    t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 24, text: /^unrecorded /m })
    // Grants and functions leave nothing to compare.
    t.match(await adopt({ DATABASE_URL: url }, '--baseline', '--unchecked', '--folder', folder), {
      code: 0,
      text: `${COUNT} marked as applied\n`
    })
    const rows = await rowsIn(url)
    await migrateBy(1, url, folder)
    t.strictSame(await rowsIn(url), rows)
  })

  t.test('is refused by all while drizzle-kit up has done a part', async t => {
    const url = await open(t)
    const project = createProject(t)
    const folder = join(project, 'drizzle')
    const meta = join(project, 'meta')
    cpSync(join(folder, 'meta'), meta, { recursive: true })
    await up(t, project)
    renameSync(meta, join(folder, 'meta'))

    t.match(await status({ DATABASE_URL: url }, '--folder', folder), {
      code: 1,
      text: /git checkout HEAD -- .* run drizzle-kit up again/
    })
    await t.rejects(migrateBy(1, url, folder))
  })
})

t.test('the lint, with drizzle-kit 1.0', async t => {
  const project = createProject(t)
  const folder = join(project, 'drizzle')
  const paths = [join(project, 'src/db/schema.ts')]
  await up(t, project)
  const module = pathToFileURL(join(project, 'node_modules/drizzle-kit/api-postgres.mjs')).href
  const drift = () => {
    const folders = readdirSync(folder).sort()
    const snapshots = folders.map(name => join(folder, name, 'snapshot.json'))
    return findDrift({
      schema: paths,
      kit: module,
      newest: { name: `${folders.at(-1)}`, hasFolder: true, snapshots }
    })
  }

  t.test(
    'finds nothing in the folder that drizzle-kit up has made, nor in what is generated then',
    async t => {
      const { findings } = await checkMigrations({ schema: paths, folder, git: undefined })
      const before = await checkMigrations({
        schema: [join(ROOT, 'src/db/schema.ts')],
        folder: join(ROOT, 'drizzle'),
        git: undefined
      })
      t.strictSame(
        findings.map(({ kind, line, message }) => ({ kind, line, message })),
        before.findings.map(({ kind, line, message }) => ({ kind, line, message }))
      )
      t.strictSame(await drift(), [])

      await generateColumn(t, project, 'place')
      t.match((await checkMigrations({ schema: paths, folder, git: undefined })).findings, findings)
    }
  )

  t.test('finds what the schema has, and the folder has not', async t => {
    const file = join(project, 'src/db/schema/tasks.ts')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('    done: ', "    extra: text('extra'),\n    done: "))

    t.match(await drift(), [{ kind: 'drift', message: /ADD COLUMN "extra"/ }])
    writeFileSync(file, text)
  })

  t.test(
    'knows two branches that change the same from two that do not, as drizzle-kit check does',
    async t => {
      const file = join(project, 'src/db/schema/tasks.ts')
      const text = readFileSync(file, 'utf8')
      const aside = join(project, 'aside')
      await beside('one', "text('one')")
      const apart = await collisions()
      t.match(await kit(project, 'check'), { code: 0 })

      await beside('same', "text('same').notNull()")
      const together = await collisions()
      const checked = await kit(project, 'check')

      t.strictSame(apart, [])
      t.match(together, [{ migration: /_other$/, message: /_own were generated beside each other/ }])
      t.not(checked.code, 0)

      /** One branch adds the column `same`, and the other this one. */
      async function beside(column: string, type: string) {
        for (const name of readdirSync(folder).filter(name => /_(?:own|other)$/.test(name)))
          rmSync(join(folder, name), { recursive: true })
        const own = join(folder, await generateColumn(t, project, 'same', "text('same')", 'own'))
        writeFileSync(file, text)
        renameSync(own, aside)
        await generateColumn(t, project, column, type, 'other')
        writeFileSync(file, text)
        renameSync(aside, own)
      }

      async function collisions() {
        const { findings } = await checkMigrations({ schema: paths, folder, git: undefined })
        return findings.filter(({ kind }) => kind === 'snapshot-collision')
      }
    }
  )
})
