/**
 * The schema against the newest snapshot, by drizzle-kit itself.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findDrift, loadConfiguration } from '../src/drift.ts'
import { folderOf, ORIGIN, snapshot, table } from './migrations.ts'

const imports = "import { pgTable, text, pgEnum } from 'drizzle-orm/pg-core'\n"
const tasks = (key: string, name = key) =>
  `${imports}export const tasks = pgTable('tasks', { ${key}: text('${name}') })\n`

interface Case {
  schema: string
  tables?: object
  casing?: 'snake_case'
  timeoutMs?: number
}

/** Of a schema against a snapshot of these tables. */
async function drift(t: Test, { schema, tables = table('tasks', 'title'), ...options }: Case) {
  const entries = [{ name: '0000_one', snapshot: snapshot('a', ORIGIN, tables) }]
  const folder = folderOf(t, entries, {
    'schema.ts': schema,
    'again.ts': "export * from './schema.ts'\n"
  })
  const newest = { name: '0000_one', snapshots: [join(folder, 'meta', '0000_snapshot.json')] }
  const paths = ['schema.ts', 'again.ts'].map(file => join(folder, '..', file))
  return findDrift({ schema: paths, newest, ...options })
}

t.test('drift', async t => {
  t.test('is nothing when schema and snapshot are one, in whatever number of files', async t => {
    t.strictSame(await drift(t, { schema: tasks('title') }), [])
  })

  t.test('is each statement that a migration would have', async t => {
    const schema = tasks('title').replace(
      ') })',
      "), done: text('done') })\nexport const mood = pgEnum('mood', ['a'])"
    )
    const findings = await drift(t, { schema })

    t.strictSame(findings, [
      {
        kind: 'drift',
        migration: '0000_one',
        message: `not in any migration: CREATE TYPE "public"."mood" AS ENUM('a');`
      },
      {
        kind: 'drift',
        migration: '0000_one',
        message: 'not in any migration: ALTER TABLE "tasks" ADD COLUMN "done" text;'
      }
    ])
  })

  t.test('is everything when there is no migration yet', async t => {
    const folder = folderOf(t, [], { 'schema.ts': tasks('title') })

    t.match(await findDrift({ schema: [join(folder, '..', 'schema.ts')] }), [
      { kind: 'drift', migration: 'none', message: /CREATE TABLE "tasks"/ }
    ])
  })

  t.test('is what may be a new name, and is asked of nobody', async t => {
    t.match(await drift(t, { schema: tasks('name') }), [
      { kind: 'drift', message: /or it was renamed/, fix: /drizzle-kit generate at a terminal/ }
    ])
  })

  t.test('is told in the casing of the configuration', async t => {
    const schema = tasks('dueAt').replace("text('dueAt')", 'text()')

    t.strictSame(await drift(t, { schema, casing: 'snake_case', tables: table('tasks', 'due_at') }), [])
  })
})

t.test('a schema never passes', async t => {
  const fails = async (t: Test, options: Case, message: RegExp) => t.rejects(drift(t, options), { message })

  t.test('that throws, or prints and ends the process', async t => {
    await fails(
      t,
      { schema: "throw new Error('no such thing')" },
      /^the schema cannot be compared: no such thing$/
    )
    await fails(
      t,
      { schema: "console.log('out'); console.error('sorry'); process.exit(0)" },
      /it ended with 0\n(?:out\nsorry|sorry\nout)$/
    )
  })

  t.test('that waits for ever', async t => {
    await fails(t, { schema: 'await new Promise(() => {})' }, /it ended with \d+/)
    await fails(
      t,
      { schema: 'await new Promise(r => setTimeout(r, 1e8))', timeoutMs: 100 },
      /more than 100 ms/
    )
  })

  t.test('when drizzle-kit does not know the snapshot', async t => {
    await fails(
      t,
      { schema: tasks('title'), tables: { 'public.tasks': { name: 'tasks' } } },
      /cannot be compared/
    )
  })
})

t.test('a configuration is loaded without what it prints, or not at all', async t => {
  const root = t.testdir({
    'good.ts': "console.log('hello')\nexport default { out: 'x' } satisfies object\n",
    'none.ts': 'export const out = 1\n',
    'bad.ts': "throw new Error('no such thing')\n"
  })

  t.strictSame(await loadConfiguration(join(root, 'good.ts')), { out: 'x' })
  t.equal(await loadConfiguration(join(root, 'none.ts')), null)
  await t.rejects(loadConfiguration(join(root, 'bad.ts')), {
    message: /bad\.ts cannot be loaded: no such thing$/
  })
})
