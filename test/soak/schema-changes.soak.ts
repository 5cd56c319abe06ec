/**
 * docs/how-to/schema-changes.md: its SQL is what drizzle-kit writes, each of its releases works beside its neighbours,
 * and its commands get a branch out of a conflict.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getTableColumns, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { boolean, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import pg from 'pg'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../support/postgres.ts'
import { ROOT } from '../support/processes.ts'
import { copyProject } from '../support/project-copy.ts'

const page = readFileSync(join(ROOT, 'docs/how-to/schema-changes.md'), 'utf8')
const [expand = '', batch = '', missed = '', tooEarly = '', leave = '', contract = ''] = blocks('sql')

const KIT = join(ROOT, 'node_modules/drizzle-kit/bin.cjs')
const IDENTITY = ['-c', 'user.name=a', '-c', 'user.email=a@example.org']

const id = { id: uuid('id').primaryKey().defaultRandom(), owner: text('owner'), title: text('title') }
const done = { done: boolean('done').notNull().default(false) }
const completedAt = { completedAt: timestamp('completed_at', { withTimezone: true, precision: 3 }) }

/** What the schema of each release has of the two columns, from the one before on, and the SQL that runs before it. */
const RELEASES = [
  { columns: done, migration: '' },
  { columns: { ...done, ...completedAt }, migration: expand },
  { columns: { ...done, ...completedAt }, migration: '' },
  { columns: completedAt, migration: leave },
  { columns: completedAt, migration: contract }
]

t.test('a column that is replaced in steps', async t => {
  t.test('is added and left by the SQL that drizzle-kit writes', async t => {
    const folder = copyProject(t)
    const schema = join(folder, 'src/db/schema/tasks.ts')
    const [column = ''] = blocks('ts')
    const before = readFileSync(schema, 'utf8')
    const [line = ''] = /^ +done: .*\n/m.exec(before) ?? []

    writeFileSync(schema, before.replace(line, `${line}    ${column}`))
    t.equal(generate(folder, 'add-tasks-completed-at'), expand.trim())
    writeFileSync(schema, before.replace(line, `    ${column}`))
    t.equal(generate(folder, 'leave-tasks-done'), tooEarly.trim())
    t.match(generate(folder, 'drop-tasks-done', '--custom'), /^-- Custom SQL migration file/)
  })

  t.test('is there for the pods of both releases, in every rollout', async t => {
    const url = await createDatabase(t)

    for (const [index, { columns, migration }] of RELEASES.entries()) {
      if (migration) await administer(migration, url)
      await work(t, url, columns)
      await work(t, url, RELEASES[index - 1]?.columns ?? columns)
    }
  })

  t.test('would have failed the pods that ran, had drizzle-kit had its way', async t => {
    const url = await createDatabase(t)
    await administer(expand, url)
    await administer(tooEarly, url)

    await t.rejects(work(t, url, { ...done, ...completedAt }), { cause: { code: '42703' } })
  })

  t.test('is filled in by batches, and nothing is missed', async t => {
    const url = await createDatabase(t)
    await administer(expand, url)
    await administer(
      `insert into tasks (owner, title, done) select 'alice', 'x', i % 2 = 0 from generate_series(1, 5000) i`,
      url
    )

    t.strictSame(await administer(missed, url), [{ count: '2500' }])
    t.strictSame(await batches(url), [1000, 1000, 500, 0])
    t.strictSame(await administer(missed, url), [{ count: '0' }])
  })
})

t.test('a conflict in the journal', async t => {
  for (const [way, begin, end] of [
    ['merge', ['merge', 'main'], ['commit', '--no-edit', '--quiet']],
    ['rebase', ['rebase', 'main'], ['rebase', '--continue']]
  ] as const) {
    t.test(`is resolved in the middle of a ${way}`, async t => {
      const folder = copyProject(t)
      const git = (...args: string[]) => run(folder, 'git', [...IDENTITY, ...args])
      const commit = (file: string, name: string) => {
        writeFileSync(join(folder, 'src/db/schema.ts'), `export * from './${file}'\n`, { flag: 'a' })
        generate(folder, name)
        git('add', '--all')
        git('commit', '--quiet', '--message', name)
      }
      writeFileSync(join(folder, 'src/db/theirs.ts'), table('theirs'))
      writeFileSync(join(folder, 'src/db/mine.ts'), table('mine'))
      git('init', '--quiet', '--initial-branch=main')
      git('add', '--all')
      git('commit', '--quiet', '--message', 'base')
      git('checkout', '--quiet', '-b', 'mine')
      commit('mine.ts', 'mine')
      git('checkout', '--quiet', 'main')
      commit('theirs.ts', 'theirs')
      git('checkout', '--quiet', 'mine')

      t.throws(() => git(...begin))
      t.match(git('status', '--short'), /^UU drizzle\/meta\/_journal\.json$/m)
      const resolved = `${git('show', 'main:src/db/schema.ts')}export * from './mine.ts'\n`
      writeFileSync(join(folder, 'src/db/schema.ts'), resolved)
      git('add', 'src')
      const commands = commandsOfTheConflict()
      for (const command of commands) run(folder, 'bash', ['-ec', command])
      git(...end)

      const [before = '', theirs = '', mine = ''] = sqlIn(folder).slice(-3)
      t.equal(commands.length, 3)
      t.match([theirs, mine], [/_theirs\.sql$/, /_mine\.sql$/])
      t.notMatch(before, /_mine/)
      t.match(readFileSync(join(folder, 'drizzle', mine), 'utf8'), /^CREATE TABLE "mine"/)
      t.equal(git('status', '--short'), '')
      t.match(run(folder, process.execPath, [KIT, 'check']), "Everything's fine")
    })
  }
})

/** The fenced blocks of this language, in order. */
function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'gm'))].map(
    ([, text = '']) => text
  )
}

/** Without the gate, which has tests of its own and would need all of the project. */
function commandsOfTheConflict(): string[] {
  const [, commands = ''] = /^```\n(git restore [\s\S]*?)```/m.exec(page) ?? []
  return commands
    .trim()
    .split('\n')
    .filter(command => !command.startsWith('npm run db:check'))
    .map(command => command.replace('what-changes', 'mine'))
}

/** What a pod of a release does: Drizzle names every column of its schema, in each of these. */
async function work(t: Test, url: string, columns: (typeof RELEASES)[number]['columns']): Promise<void> {
  const tasks = pgTable('tasks', { ...id, ...columns })
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  try {
    const db = drizzle(pool)
    const [made] = await db.insert(tasks).values({ owner: 'alice', title: 'x' }).returning()
    t.strictSame(Object.keys(made ?? {}), Object.keys(getTableColumns(tasks)))
    await db.update(tasks).set({ title: 'y' }).where(sql`title = 'x'`).returning()
    await db.select().from(tasks)
    await db.delete(tasks).returning()
  } finally {
    await pool.end()
  }
}

async function batches(url: string): Promise<(number | null)[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const counts: (number | null)[] = []
    while (counts.at(-1) !== 0) counts.push((await client.query(batch)).rowCount)
    return counts
  } finally {
    await client.end()
  }
}

function table(name: string): string {
  return `import { pgTable, text } from 'drizzle-orm/pg-core'\n\nexport const ${name} = pgTable('${name}', { title: text('title') })\n`
}

/** The SQL of the migration that it made. */
function generate(folder: string, name: string, ...options: string[]): string {
  run(folder, process.execPath, [KIT, 'generate', '--name', name, ...options])
  return readFileSync(join(folder, 'drizzle', sqlIn(folder).at(-1) ?? ''), 'utf8')
}

function sqlIn(folder: string): string[] {
  return readdirSync(join(folder, 'drizzle'))
    .filter(name => name.endsWith('.sql'))
    .sort()
}

function run(cwd: string, command: string, args: string[]): string {
  // Nothing asks for an editor or a signature, and drizzle-kit is not part of the coverage.
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, GIT_EDITOR: 'true', GIT_CONFIG_GLOBAL: '/dev/null' }
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
