/**
 * Everything at once, of a folder of migrations.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkMigrations, type GateOptions } from '../../src/gate/gate.ts'
import { type Git, GitError } from '../../src/gate/git.ts'
import { type Entry, filesOf, folderOf, ORIGIN, snapshot, table } from './migrations.ts'

const SCHEMA = "import { pgTable, varchar } from 'drizzle-orm/pg-core'\n"
const tasks = (length: number) =>
  `${SCHEMA}export const tasks = pgTable('tasks', { title: varchar('title', { length: ${length} }) })`

const FIRST = {
  name: '0000_first',
  sql: 'CREATE TABLE "tasks" ("title" varchar(200))',
  snapshot: snapshot('a', ORIGIN, table('tasks', 'title', 'varchar(200)'))
}
const WIDER = {
  name: '0001_wider',
  sql: 'ALTER TABLE "tasks" ALTER COLUMN "title" SET DATA TYPE varchar(300)',
  snapshot: snapshot('b', 'a', table('tasks', 'title', 'varchar(300)'))
}

function check(t: Test, entries: Entry[], options: Partial<GateOptions> & { schemaText?: string } = {}) {
  const folder = folderOf(t, entries, { 'schema.ts': options.schemaText ?? tasks(300) })
  return checkMigrations({ schema: [join(folder, '..', 'schema.ts')], folder, git: undefined, ...options })
}

/** A git whose main has these, and so has the commit where this branch left it. */
function gitWith(entries: Entry[]): Git {
  const files = Object.entries(filesOf(entries))
  return async ([command]) => {
    if (command === 'rev-parse' || command === 'merge-base') return Buffer.from('aaa')
    if (command === 'ls-tree') return Buffer.from(files.map(([path]) => `100644 blob 0\t${path}\0`).join(''))
    return Buffer.from(files.map(([, text]) => `0 blob ${Buffer.byteLength(text)}\n${text}\n`).join(''))
  }
}

t.test('the gate', async t => {
  t.test('finds nothing in migrations that are in order, and says what it looked at', async t => {
    const report = await check(t, [FIRST, WIDER])

    t.match(report, {
      findings: [],
      checked: { migrations: 2, base: null, new: ['0000_first', '0001_wider'], drift: true }
    })
    t.notOk('failure' in report)
  })

  t.test('knows from the snapshot before whether a type takes every value', async t => {
    const narrower = { ...WIDER, sql: WIDER.sql.replace('300', '100') }
    const { findings } = await check(t, [FIRST, narrower])

    t.match(findings, [{ kind: 'hazard', hazard: 'column-type' }])
    const { tables, ...old } = FIRST.snapshot as { tables: object }
    t.match(await check(t, [{ ...FIRST, snapshot: old }, WIDER]), { findings: [{ hazard: 'column-type' }] })
    t.match((await check(t, [WIDER])).findings, [{ hazard: 'column-type' }])
  })

  t.test('finds all that is wrong, in the order of the journal and the lines', async t => {
    const late = {
      name: '0001_late',
      when: 0,
      sql: '-- fastify-neon:allow truncate: no\nDROP TABLE a;\nVACUUM b;\nDROP TABLE c',
      snapshot: snapshot('b', ORIGIN)
    }
    const { findings, checked } = await check(t, [FIRST, late, { name: '0002_empty', sql: '' }], {
      now: -400_000,
      git: gitWith([FIRST])
    })

    t.strictSame(
      findings.map(({ kind, migration, line }) => [migration, line, kind]),
      [
        ['0000_first', undefined, 'future-dated'],
        ['0001_late', undefined, 'reordered'],
        ['0001_late', undefined, 'future-dated'],
        ['0001_late', undefined, 'late-merged'],
        ['0001_late', undefined, 'snapshot-collision'],
        ['0001_late', 1, 'hazard'],
        ['0001_late', 2, 'hazard'],
        ['0001_late', 3, 'misplaced'],
        ['0001_late', 4, 'hazard'],
        ['0002_empty', undefined, 'future-dated'],
        ['0002_empty', undefined, 'half-written'],
        ['0002_empty', undefined, 'snapshot-collision']
      ]
    )
    t.match(checked, { base: 'origin/main', new: ['0001_late', '0002_empty'], drift: false })
  })

  t.test('examines what is new against the base branch alone', async t => {
    const entries = [FIRST, { ...WIDER, sql: 'TRUNCATE tasks' }]

    t.match((await check(t, entries, { git: gitWith([FIRST]) })).findings, [{ hazard: 'truncate' }])
    t.strictSame((await check(t, entries, { git: gitWith(entries) })).findings, [])
  })

  t.test('finds that the schema is ahead of the migrations', async t => {
    t.match((await check(t, [FIRST])).findings, [
      { kind: 'drift', migration: '0000_first', message: /varchar\(300\)/ }
    ])
    t.match((await check(t, [])).findings, [{ kind: 'drift', migration: 'none', message: /CREATE TABLE/ }])
  })

  t.test('tells of a schema that cannot be loaded beside what it found', async t => {
    const report = await check(t, [FIRST, { ...WIDER, sql: 'TRUNCATE tasks' }], { schemaText: 'nonsense()' })

    t.match(report, {
      findings: [{ hazard: 'truncate' }],
      checked: { drift: false },
      failure: /nonsense is not defined/
    })
  })

  t.test('does not begin without a journal, or the base branch', async t => {
    const none: Git = async () => {
      throw new GitError('', 1)
    }

    await t.rejects(check(t, [FIRST], { folder: t.testdir({}) }), { code: 'FST_NEON_MIGRATIONS_INVALID' })
    await t.rejects(check(t, [FIRST], { git: none }), { name: 'UsageError' })
  })
})
