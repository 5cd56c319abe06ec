/**
 * Everything at once, of a folder of migrations.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Git, GitError } from '../src/git.ts'
import { checkMigrations, type LintOptions, type LintReport } from '../src/lint.ts'
import { reportText } from '../src/report.ts'
import {
  base,
  diff,
  type Entry,
  filesOf,
  folderOf,
  foldersOf,
  ORIGIN,
  snapshot,
  table,
  writeFolders
} from './migrations.ts'

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

// What has no newest snapshot is not compared with the schema, which takes a process.
const WITHOUT_SNAPSHOT = { ...WIDER, snapshot: undefined }

const hazardsIn = ({ findings }: LintReport) =>
  findings.flatMap(finding => ('hazard' in finding ? [finding.hazard] : []))

function check(t: Test, entries: Entry[], options: Partial<LintOptions> & { schemaText?: string } = {}) {
  const folder = folderOf(t, entries, { 'schema.ts': options.schemaText ?? tasks(300) })
  return checkMigrations({ schema: [join(folder, '..', 'schema.ts')], folder, git: undefined, ...options })
}

/** A git whose main has these, and so has the commit where this branch left it. */
function gitWith(entries: Entry[], pathsOf = filesOf): Git {
  const files = Object.entries(pathsOf(entries))
  return async ([command]) => {
    if (command === 'rev-parse' || command === 'merge-base') return Buffer.from('aaa')
    if (command === 'ls-tree') return Buffer.from(files.map(([path]) => `100644 blob 0\t${path}\0`).join(''))
    return Buffer.from(files.map(([, text]) => `0 blob ${Buffer.byteLength(text)}\n${text}\n`).join(''))
  }
}

t.test('the lint', async t => {
  t.test('finds nothing in migrations that are in order, and says what it looked at', async t => {
    const report = await check(t, [FIRST, WIDER])

    t.match(report, {
      findings: [],
      checked: { migrations: 2, base: null, new: ['0000_first', '0001_wider'], drift: true }
    })
    t.notOk('failure' in report)
  })

  t.test('knows from the snapshot before whether a type takes every value', async t => {
    const narrower = { ...WITHOUT_SNAPSHOT, sql: WIDER.sql.replace('300', '100') }
    const { tables, ...old } = FIRST.snapshot as { tables: object }
    const hazards = async (entries: Entry[]) => hazardsIn(await check(t, entries))

    t.strictSame(await hazards([FIRST, WITHOUT_SNAPSHOT]), [])
    t.strictSame(await hazards([FIRST, narrower]), ['column-type'])
    t.strictSame(await hazards([{ ...FIRST, snapshot: old }, WITHOUT_SNAPSHOT]), ['column-type'])
    t.strictSame(await hazards([WITHOUT_SNAPSHOT]), ['column-type'])
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
    const entries = [FIRST, { ...WITHOUT_SNAPSHOT, sql: 'TRUNCATE tasks' }]

    t.strictSame(hazardsIn(await check(t, entries, { git: gitWith([FIRST]) })), ['truncate'])
    t.strictSame(hazardsIn(await check(t, entries, { git: gitWith(entries) })), [])
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

  t.test('takes folders of Drizzle 1.0, and names their files', async t => {
    const column = (type: string) => [
      { entityType: 'columns', schema: 'public', table: 'tasks', name: 'title', type, dimensions: 0 }
    ]
    const first = {
      name: '20260101000000_first',
      sql: FIRST.sql,
      snapshot: base('a', column('varchar(200)'))
    }
    const wider = { name: '20260101000001_wider', sql: WIDER.sql, snapshot: diff('b', ['a']) }
    // Without the snapshot there is nothing to compare the schema with.
    const late = { name: '20260101000002_late', sql: 'TRUNCATE tasks' }
    const folder = writeFolders(t, [first, wider, late])
    const report = await checkMigrations({ schema: [], folder, git: gitWith([first], foldersOf) })

    t.match(report, {
      findings: [
        { kind: 'snapshot-collision', migration: late.name, file: `${late.name}/migration.sql` },
        { hazard: 'truncate', line: 1 }
      ],
      checked: { migrations: 3, new: [wider.name, late.name], drift: false }
    })
    t.match(reportText(report), `${folder}/20260101000002_late/migration.sql:1: hazard`)
  })

  t.test('compares the folders that drizzle-kit up has made with the journal of the base branch', async t => {
    const old = { ...FIRST, when: Date.UTC(2026, 0, 1, 0, 0, 0, 7) }
    const first = { name: '20260101000000_first', sql: FIRST.sql }
    const folder = writeFolders(t, [first])

    t.match(await checkMigrations({ schema: [], folder, git: gitWith([old]) }), {
      findings: [{ kind: 'snapshot-collision' }],
      checked: { new: [] }
    })
    await t.rejects(check(t, [FIRST], { git: gitWith([first], foldersOf) }), {
      name: 'UsageError',
      message: /^origin\/main has the folders of Drizzle 1\.0, and here is a journal of 0\.x: take/
    })
    t.match(await check(t, [], { git: gitWith([first], foldersOf) }), { checked: { migrations: 0 } })
  })

  t.test('says which drizzle-kit a folder of Drizzle 1.0 needs', async t => {
    const folder = writeFolders(t, [{ name: '20260101000000_first', sql: FIRST.sql, snapshot: base('a') }])

    t.match(await checkMigrations({ schema: [], folder, git: undefined }), {
      checked: { drift: false },
      failure: /the folder is of Drizzle 1\.0, and drizzle-kit 1\.0 is not installed/
    })
  })

  t.test('does not begin without a journal, or the base branch', async t => {
    const none: Git = async () => {
      throw new GitError('', 1)
    }

    await t.rejects(check(t, [FIRST], { folder: t.testdir({ 'a.ts': '' }) }), {
      code: 'FST_NEON_MIGRATIONS_INVALID'
    })
    await t.rejects(check(t, [FIRST], { git: none }), { name: 'UsageError' })
  })
})
