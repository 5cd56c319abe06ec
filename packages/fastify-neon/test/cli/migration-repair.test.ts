/**
 * Every row of the table "What to do about a finding" in docs/reference/migrations.md, walked from its start to a clean
 * status: what it advises is carried out as it stands there. And what mark-applied and repair do not do.
 */
import { execFile } from 'node:child_process'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { ROOT } from '../../../../test/support/processes.ts'
import { mark } from '../../src/cli/mark-applied-command.ts'
import { migrate } from '../../src/cli/migrate-command.ts'
import { repair } from '../../src/cli/repair-command.ts'
import { showStatus } from '../../src/cli/status-command.ts'
import { LOCK_KEY } from '../../src/migrations/lock.ts'
import {
  apply,
  fullName,
  inBothLayouts,
  ledgerOf,
  makeFolder,
  migrateAsDrizzleKit,
  snapshotPath,
  sqlPath,
  timeOf,
  type Written,
  withShortNames,
  writeFolder
} from '../migrations/folders.ts'
import { captured } from './captured.ts'

const COMMANDS = {
  migrate: shortened(captured(migrate)),
  repair: shortened(captured(repair)),
  'mark-applied': shortened(captured(mark))
}
const status = shortened(captured(showStatus))

function shortened(run: ReturnType<typeof captured>): typeof run {
  return async (env, ...args) => {
    const place = args.indexOf('--folder') + 1
    const given = place === 0 ? args : args.map(arg => fullName(`${args[place]}`, arg))
    const { text, ...ended } = await run(env, ...given)
    return { ...ended, text: withShortNames(text) }
  }
}

const TOMORROW = Date.now() + 86_400_000

const A: Written = { name: '0000_a', sql: 'create table a (x int);', when: timeOf(0), tables: { a: ['x'] } }
const B: Written = {
  name: '0001_b',
  sql: 'create table b (y int);',
  when: timeOf(1),
  tables: { a: ['x'], b: ['y'] }
}
const C: Written = {
  name: '0002_c',
  sql: 'alter table a add column z int;',
  when: timeOf(2),
  tables: { a: ['x', 'z'], b: ['y'] }
}

/** Where a row begins. */
interface Start {
  url: string
  folder: string
  /** What NAME stands for in the table. */
  name: string
  /** The part of the way that is not a command. */
  byHand?: () => unknown
  /** Of which drizzle-kit exports the statements. */
  schema?: string
}

type Make = (t: Test) => Promise<Start>

/** A database that had `applied`, and a folder that has become `now`. */
async function history(t: Test, applied: Written[], now: Written[] = applied) {
  const url = await createDatabase(t, { migrated: false })
  const folder = makeFolder(t, applied)
  if (applied.length > 0) await apply(url, folder)
  writeFolder(folder, now)
  return { url, folder, name: `${now.at(-1)?.name}` }
}

const LEDGER = 'drizzle.__drizzle_migrations'
const SCHEMA = `import { integer, pgTable } from '${ROOT}node_modules/drizzle-orm/pg-core/index.js'
export const a = pgTable('a', { x: integer(), z: integer() })
export const b = pgTable('b', { y: integer() })`
const PULLED =
  '-- introspected\n/*\ncreate table a (x int);\n--> statement-breakpoint\ncreate table c ();\n*/'

const STOPS = '-- fastify-neon:no-transaction\ncreate table b (y int);\nselect 1 / (select count(*) from a)'

/** A run that ended at the last statement, which fails while there is no row in a. */
async function stopped(t: Test): Promise<Start> {
  const start = await history(t, [A])
  writeFolder(start.folder, [A, { ...B, sql: STOPS }])
  await t.rejects(apply(start.url, start.folder), { code: 'FST_NEON_MIGRATION_FAILED' })
  return { ...start, name: B.name }
}

const STARTS: Record<string, Make> = {
  'half-written: the file ends in the middle': async t => {
    const start = await history(t, [A], [A, { ...B, sql: 'create table b (' }])
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) }
  },
  'half-written: the file is UTF-16 or Latin-1, or has a NUL': async t => {
    const start = await history(t, [A], [A, B])
    writeFileSync(sqlPath(start.folder, '0001_b'), `${B.sql}`, 'utf16le')
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) }
  },
  'half-written: a command of psql, or COPY with its data, as pg_dump writes them': async t => {
    const sql = `\\restrict x\n${B.sql}\ncopy b from stdin;\n1\n\\.\n`
    const start = await history(t, [A], [A, { ...B, sql }])
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) }
  },
  'half-written: `drizzle-kit generate --custom`, and nothing written yet': async t => {
    const custom: Written = {
      ...A,
      name: '0001_b',
      when: timeOf(1),
      sql: '-- Custom SQL migration file, put your code below! --'
    }
    const start = await history(t, [A], [A, custom])
    return {
      ...start,
      byHand: () => writeFolder(start.folder, [A, { ...custom, sql: '-- nothing to do here' }])
    }
  },
  'half-written: the baseline of `drizzle-kit pull` on an empty database': async t => {
    const start = await history(t, [], [{ ...A, sql: PULLED }])
    return { ...start, byHand: () => writeFolder(start.folder, [A]) }
  },
  'missing: the file was renamed': async t => {
    const start = await history(t, [A, B])
    renameSync(sqlPath(start.folder, '0001_b'), sqlPath(start.folder, '0001_better'))
    return start
  },
  'missing: the file was deleted': async t => {
    const start = await history(t, [A, B])
    await commit(start.folder)
    rmSync(sqlPath(start.folder, '0001_b'))
    return start
  },
  'missing: the file was deleted, and that was committed': async t => {
    const start = await history(t, [A, B])
    await commit(start.folder)
    rmSync(sqlPath(start.folder, '0001_b'))
    await commit(start.folder)
    return start
  },
  'missing: a file that the journal does not name': async t => {
    const start = await history(t, [A])
    writeFileSync(sqlPath(start.folder, '0001_b'), `${B.sql}`)
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) && apply(start.url, start.folder) }
  },
  'reordered: the journal was put in another order, or renumbered by hand': async t =>
    history(
      t,
      [A],
      [A, { ...C, name: '0001_c', when: timeOf(5) }, { ...B, name: '0002_b', when: timeOf(2) }]
    ),
  'future-dated: a clock that was ahead': async t => history(t, [A], [A, { ...B, when: TOMORROW }]),
  'future-dated: a clock that was ahead for the first one, and others followed': async t =>
    history(t, [], [{ ...A, when: TOMORROW }, B]),
  'future-dated: a clock that was ahead, and it was applied and others followed': async t => {
    const ahead = { ...B, when: TOMORROW }
    const start = await history(t, [A])
    // As drizzle-kit does, which looks at no clock.
    writeFolder(start.folder, [A, ahead])
    await migrateAsDrizzleKit(start.url, start.folder)
    writeFolder(start.folder, [A, ahead, C])
    return start
  },
  'edited: the file was changed after it was applied': async t => {
    const start = await history(t, [A, B])
    await commit(start.folder)
    writeFolder(start.folder, [A, { ...B, sql: 'create table other ()' }])
    return start
  },
  'edited: the file was changed after it was applied, and that was committed': async t => {
    const start = await history(t, [A, B])
    await commit(start.folder)
    writeFolder(start.folder, [A, { ...B, sql: 'create table other ()' }])
    await commit(start.folder)
    return start
  },
  'edited: nothing but its words was changed, or a pulled baseline was taken out of its comment': uncommented,
  'edited: the row was written by hand, with another hash': async t => {
    const start = await history(t, [A, B])
    await administer(`update ${LEDGER} set hash = 'by hand' where created_at = ${B.when}`, start.url)
    return start
  },
  'edited: what a run without a transaction has done already was changed': async t => {
    const start = await stopped(t)
    await administer('insert into a values (1)', start.url)
    await commit(start.folder)
    writeFolder(start.folder, [A, { ...B, sql: STOPS.replace('y int', 'y bigint') }])
    return start
  },
  'edited: another folder writes to the same ledger, and has one of the same time': async t => {
    const start = await history(t, [{ name: '0000_other', sql: 'create table other ()', when: A.when }])
    return { ...start, folder: makeFolder(t, [A, B]) }
  },
  'schema-missing: `DROP SCHEMA public CASCADE`, or a reset in development': async t => {
    const start = await history(t, [A, B])
    await administer('drop schema public cascade; create schema public', start.url)
    return start
  },
  'schema-missing: a migration of another branch was applied, and then the schema was dropped': async t => {
    const start = await withBranch(t)
    await administer('drop schema public cascade; create schema public', start.url)
    return start
  },
  'schema-missing: a run without a transaction was ended, and then the schema was dropped': async t => {
    const start = await stoppedHalfway(t)
    await administer(
      'drop schema public cascade; create schema public; create function ready() returns int return 1',
      start.url
    )
    return start
  },
  'schema-missing: one table was dropped': async t => {
    const start = await history(t, [A, B, C])
    await administer('drop table b', start.url)
    return { ...start, schema: SCHEMA }
  },
  'future-dated: with Drizzle 1.0, a clock that was ahead': async t => {
    const start = await history(t, [A], [A, { ...B, when: TOMORROW }])
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) }
  },
  'unmatched: the first run of Drizzle 1.0, and a migration that 0.x applied was deleted since': async t => {
    const start = await history(t, [A, B])
    await toOldLedger(start.url)
    writeFolder(start.folder, [A])
    return start
  },
  'restamped: with Drizzle 1.0, its folder was renamed after it was applied': async t =>
    history(t, [A, B], [A, { ...B, when: timeOf(7) }]),
  'restamped: with Drizzle 1.0, drizzle-kit 0.x wrote the row once more': async t => {
    const start = await history(t, [A, B])
    await administer(`update ${LEDGER} set name = null, created_at = created_at + 7`, start.url)
    return start
  },
  'shared-ledger: another folder writes to the same ledger': async t => {
    const start = await history(t, [{ name: '0000_other', sql: 'create table other ()', when: timeOf(9) }])
    return { ...start, folder: makeFolder(t, [A, B]) }
  },
  'shared-ledger: another folder writes to the same ledger, and a part of this one is applied': async t => {
    const start = await history(t, [A, { name: '0001_other', sql: 'create table other ()', when: timeOf(9) }])
    return { ...start, folder: makeFolder(t, [A, B]) }
  },
  'shared-ledger: a migration of another branch was applied here': async t => withBranch(t, [A, B]),
  'shared-ledger: a migration was dated ahead, was applied, and was deleted since': async t => {
    const start = await history(t, [A])
    writeFolder(start.folder, [A, { name: '0001_ahead', sql: 'create table ahead ()', when: TOMORROW }])
    await migrateAsDrizzleKit(start.url, start.folder)
    rmSync(sqlPath(start.folder, '0001_ahead'), { force: true })
    writeFolder(start.folder, [A, B])
    return start
  },
  'unrecorded: rows of the ledger were lost': async t => {
    const start = await history(t, [A, B, C])
    await administer(`delete from ${LEDGER} where created_at = ${B.when}`, start.url)
    return { ...start, name: '0001_b' }
  },
  'unrecorded: `drizzle-kit push`, or a database made by hand and `drizzle-kit pull`': async t => {
    const start = await history(t, [], [{ ...A, sql: PULLED }, B, C])
    await administer('create table a (x int, z int); create table b (y int)', start.url)
    return start
  },
  'unrecorded: `drizzle-kit push` that stopped half way': async t => {
    const both = { ...B, sql: `${A.sql}\n--> statement-breakpoint\n${B.sql}` }
    const start = await history(t, [], [{ ...both, name: '0000_both' }])
    await administer('create table a (x int)', start.url)
    return { ...start, schema: SCHEMA.replace(', z: integer()', '') }
  },
  'late-merged: a branch with an older migration was merged': async t =>
    history(t, [A, C], [A, B, C]).then(start => ({ ...start, name: '0001_b' })),
  'interrupted: a run without a transaction was ended': async t => {
    const start = await stopped(t)
    await administer('insert into a values (1)', start.url)
    return start
  },
  'interrupted: a statement of a migration without a transaction is wrong': async t => {
    const start = await stopped(t)
    const corrected = { ...B, sql: STOPS.replace('1 /', '1 +') }
    return { ...start, byHand: () => writeFolder(start.folder, [A, corrected]) }
  },
  'misplaced: a statement that cannot be in a transaction': async t => {
    const sql = 'create index concurrently a_x_idx on a (x)'
    const start = await history(t, [A], [A, { name: '0001_i', sql, when: timeOf(1) }])
    const withLine = { name: '0001_i', sql: `-- fastify-neon:no-transaction\n${sql}`, when: timeOf(1) }
    return { ...start, byHand: () => writeFolder(start.folder, [A, withLine]) }
  },
  'misplaced: SET LOCAL in a migration without a transaction': async t => {
    const sql = `-- fastify-neon:no-transaction\nset local statement_timeout = '1h';\n${B.sql}`
    const start = await history(t, [A], [A, { ...B, sql }])
    return {
      ...start,
      byHand: () => writeFolder(start.folder, [A, { ...B, sql: sql.replace('local ', '') }])
    }
  },
  'misplaced: BEGIN or COMMIT in the file': async t => {
    const start = await history(t, [A], [A, { ...B, sql: `begin; ${B.sql} commit;` }])
    return { ...start, byHand: () => writeFolder(start.folder, [A, B]) }
  },
  'restamped: its time in the journal was changed after it was applied': async t =>
    history(t, [A, B], [A, { ...B, when: timeOf(7) }]),
  'restamped: the row was written by hand, with another time': async t => {
    const start = await history(t, [A, B])
    await administer(`update ${LEDGER} set created_at = 17 where created_at = ${B.when}`, start.url)
    return start
  },
  'restamped: another folder writes to the same ledger, and has the same text at another time': async t => {
    const url = await sharedText(t)
    return { url, folder: makeFolder(t, [A, B]), name: A.name }
  },
  'restamped: a run ended in the middle of it, and its time in the journal was changed since': async t => {
    const start = await stoppedHalfway(t)
    writeFolder(start.folder, [A, { ...STEPWISE, when: timeOf(7) }])
    return start
  },
  'doubled: two runs of drizzle-kit at once, or a row written twice': async t => {
    const start = await history(t, [A, B])
    await administer(
      `create table rows as select * from ${LEDGER}; alter table rows drop id;
       insert into ${LEDGER} overriding user value select nextval('drizzle.__drizzle_migrations_id_seq'), rows.* from rows;
       drop table rows`,
      start.url
    )
    return start
  },
  'pending: it is new': async t => history(t, [A], [A, B, C])
}

// What only one of the layouts can come to.
const OF_JOURNAL = [
  'missing: the file was renamed',
  'missing: a file that the journal does not name',
  'reordered: the journal was put in another order, or renumbered by hand',
  'future-dated: a clock that was ahead',
  'future-dated: a clock that was ahead for the first one, and others followed',
  'future-dated: a clock that was ahead, and it was applied and others followed',
  'edited: another folder writes to the same ledger, and has one of the same time',
  'restamped: the row was written by hand, with another time'
]
const OF_FOLDERS = [
  'future-dated: with Drizzle 1.0, a clock that was ahead',
  'unmatched: the first run of Drizzle 1.0, and a migration that 0.x applied was deleted since',
  'restamped: with Drizzle 1.0, its folder was renamed after it was applied',
  'restamped: with Drizzle 1.0, drizzle-kit 0.x wrote the row once more'
]

/** As 0.x has it, with milliseconds. */
async function toOldLedger(url: string) {
  await administer(
    `alter table ${LEDGER} drop name, drop applied_at; update ${LEDGER} set created_at = created_at + 123`,
    url
  )
}

/** A database of another folder, which has the text of A at another time, in another schema. */
async function sharedText(t: Test): Promise<string> {
  const other = { ...A, when: timeOf(-9) }
  const { url } = await history(t, [{ name: '0000_o', sql: 'create table o ()', when: timeOf(-10) }, other])
  await administer('drop table a', url)
  return url
}

/** A database, and a folder whose last migration was dated ahead after it was applied. */
async function ahead(t: Test) {
  const { url, folder } = await history(t, [A, B], [A, { ...B, when: TOMORROW }])
  const read = async () => [readFileSync(join(folder, 'meta/_journal.json'), 'utf8'), await ledgerOf(url)]
  const repaired = (...args: string[]) => COMMANDS.repair({ DATABASE_URL: url }, '--folder', folder, ...args)
  return { url, folder, read, repaired }
}

// Its last statement fails until there is a function ready().
const STEPWISE: Written = {
  ...B,
  sql: '-- fastify-neon:no-transaction\ncreate table b (y int);\ninsert into b values (1);\nselect ready()'
}

/** A database in which a run ended before the last statement of STEPWISE. */
async function stoppedHalfway(t: Test): Promise<Start> {
  const start = await history(t, [A])
  writeFolder(start.folder, [A, STEPWISE])
  await t.rejects(apply(start.url, start.folder), { code: 'FST_NEON_MIGRATION_FAILED' })
  await administer('create function ready() returns int return 1', start.url)
  return start
}

/** A database that had a migration of another branch, which is not in the folder `now`. */
async function withBranch(t: Test, now = [A]): Promise<Start> {
  const branch = { name: '0001_branch', sql: 'create table branch ()', when: timeOf(9) }
  const start = await history(t, [A, branch], now)
  rmSync(sqlPath(start.folder, '0001_branch'), { force: true })
  return start
}

/** A database that was adopted by its pulled baseline, whose comment marks are gone since. */
async function uncommented(t: Test): Promise<Start> {
  const start = await history(t, [], [{ ...A, sql: PULLED }])
  await administer('create table a (x int)', start.url)
  t.match(
    await COMMANDS['mark-applied']({ DATABASE_URL: start.url }, '--baseline', '--folder', start.folder),
    {
      code: 0
    }
  )
  writeFolder(start.folder, [A])
  return { ...start, name: A.name }
}

const documentation = readFileSync(
  new URL('../../../../docs/reference/migrations.md', import.meta.url),
  'utf8'
)
const [, table = ''] = /^\| finding \| cause .*\n((?:\|.*\n)+)/m.exec(documentation) ?? []
const ROWS = [...table.matchAll(/^\| `([\w-]+)` \| (.*?) \| (.*?) \|$/gm)].map(
  ([, kind = '', how = '', way = '']) => ({
    kind,
    how,
    commands: [...way.matchAll(/`((?:npm|npx|git) .*?)`/g)]
  })
)

t.test(
  'docs/reference/migrations.md says what to do about each finding of status, and each is tried here',
  async t => {
    const { MIGRATION_FINDINGS } = await import('../../src/migrations/migrations.ts')

    t.strictSame(ROWS.map(({ kind, how }) => `${kind}: ${how}`).sort(), Object.keys(STARTS).sort())
    t.strictSame(
      new Set(ROWS.map(({ kind }) => kind)),
      new Set(
        Object.entries(MIGRATION_FINDINGS)
          .filter(([, { tellers }]) => tellers.some(teller => teller === 'status'))
          .map(([kind]) => kind)
      )
    )
  }
)

inBothLayouts(t, (layout, t) => {
  for (const { kind, how, commands } of waysOf(layout))
    t.test(`the way out of ${kind}, ${how}, ends it, and drizzle-kit agrees`, async t => {
      const start = await STARTS[`${kind}: ${how}`]?.(t)
      if (start === undefined) return t.fail('no start')
      const steps = commands.map(([, command = '']) =>
        layout === 'folders'
          ? command
              .replace('NAME.sql', `${fullName(start.folder, start.name)}/migration.sql`)
              .replace('NAME', start.name)
          : command.replace('NAME', start.name)
      )

      const before = await told(start, kind)
      for (const step of steps) {
        if (step === steps.at(0)) await start.byHand?.()
        await carryOut(t, step, start)
      }
      if (steps.length === 0) await start.byHand?.()

      const ledger = /--ledger (\S+)/.exec(steps.join(' '))?.[1] ?? LEDGER
      t.match(before, new RegExp(`^${kind} `, 'm'))
      // The newest snapshot has the table of a migration that is pending, and was merged late.
      if (kind === 'late-merged') t.notMatch(before, 'schema-missing')
      const [words] = `${steps.at(0)?.replace(/^git.*/, 'restore the file')}`.split(
        /(?<=fastify-neon [\w-]+) /
      )
      if (start.byHand === undefined) t.ok(before.includes(`${words}`), `${words} in ${before}`)
      t.match(await status({ DATABASE_URL: start.url }, '--folder', start.folder, '--ledger', ledger), {
        code: 0,
        text: /^(\d+) of \1 applied\n/
      })
      const rows = await administer(`select * from ${ledger} order by id`, start.url)
      // It cannot apply one without a transaction, and has nothing to do with any.
      await migrateAsDrizzleKit(start.url, start.folder, ledger)
      t.strictSame(await administer(`select * from ${ledger} order by id`, start.url), rows)
    })
})

/**
 * Of folders what only they can come to; a soak test walks the first way out of each kind there as well, and all of them are
 * walked weekly.
 */
function waysOf(layout: 'journal' | 'folders') {
  const { WAYS_OUT_OF_FOLDERS: wanted } = process.env
  const others = layout === 'folders' ? OF_JOURNAL : OF_FOLDERS
  const ways = ROWS.filter(way => !others.includes(nameOf(way)))
  if (layout === 'journal') return wanted === 'first' ? [] : ways
  if (wanted === 'all') return ways
  const isFirst = (kind: string, index: number) => ways.findIndex(way => way.kind === kind) === index
  return ways.filter(
    (way, index) => OF_FOLDERS.includes(nameOf(way)) || (wanted === 'first' && isFirst(way.kind, index))
  )
}

function nameOf({ kind, how }: { kind: string; how: string }): string {
  return `${kind}: ${how}`
}

/** What status says, or, of a baseline, what migrate does. */
async function told({ url, folder }: Start, kind: string): Promise<string> {
  const { text } = await status({ DATABASE_URL: url }, '--folder', folder)
  if (new RegExp(`^${kind} `, 'm').test(text)) return text
  return (await COMMANDS.migrate({ DATABASE_URL: url }, '--folder', folder)).text
}

async function carryOut(t: Test, step: string, { url, folder, schema }: Start) {
  const [, script = '', args = ''] = /^npx fastify-neon ([\w-]+)(?: (.*))?$/.exec(step) ?? []
  if (step.startsWith('git')) {
    const [commit = ''] = (await git(folder, 'log', '--format=%H', ...asked(step))).split('\n')
    if (step.startsWith('git checkout'))
      await git(folder, ...step.replace('COMMIT', commit).split(' ').slice(1))
    else t.match(await git(folder, ...step.split(' ').slice(1)), /^commit /)
  } else if (step === 'npx drizzle-kit export') await carryOutExport(url, folder, schema ?? '')
  else {
    const command = COMMANDS[script as keyof typeof COMMANDS]
    const given = args.split(' ').filter(word => word !== '')
    t.match(await command({ DATABASE_URL: url }, '--folder', folder, ...given), { code: 0 }, step)
  }
}

/** What of a way by git tells the commit. */
const asked = (step: string) => ['--', `${step.split(' ').at(-1)}`]

function git(cwd: string, ...args: string[]): Promise<string> {
  const { PATH, HOME } = process.env
  const own = [
    '-c',
    'user.name=somebody',
    '-c',
    'user.email=somebody@example.com',
    '-c',
    'commit.gpgsign=false'
  ]
  return new Promise((resolve, reject) => {
    execFile('git', [...own, ...args], { cwd, env: { PATH, HOME } }, (error, stdout) =>
      error ? reject(error) : resolve(stdout)
    )
  })
}

async function commit(folder: string) {
  await git(folder, 'init', '--quiet')
  await git(folder, 'add', '--all')
  await git(folder, 'commit', '--quiet', '--message', 'migrations')
}

/** The statement of the table that is missing. */
async function carryOutExport(url: string, cwd: string, schema: string) {
  writeFileSync(join(cwd, 'schema.mjs'), schema)
  const kit = join(ROOT, 'node_modules/drizzle-kit/bin.cjs')
  const args = [kit, 'export', '--dialect=postgresql', '--schema=schema.mjs']
  const { PATH, HOME } = process.env
  const sql = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { cwd, env: { PATH, HOME } }, (error, stdout) =>
      error ? reject(error) : resolve(stdout)
    )
  })
  await administer(/^CREATE TABLE "b" [^;]*;/m.exec(sql)?.[0] ?? '', url)
}

const NOTHING_TO_SEE: Written = { ...A, name: '0001_i', sql: 'insert into a values (1)', when: timeOf(1) }

interface Refusal extends Pick<Start, 'url' | 'folder'> {
  args: string[]
}

const AT_ITS_TIME = 'at whose time another folder has one in the ledger'

const NOT_MARKED: Record<string, [make: (t: Test) => Promise<Refusal>, problem: RegExp]> = {
  'that the journal does not name': [
    async t => ({ ...(await history(t, [A])), args: ['0009_x'] }),
    /the (?:journal|folder) has no 0009_x/
  ],
  'whose file is not there': [
    async t => ({ ...(await history(t, [A], [A, { ...B, sql: undefined }])), args: ['0001_b'] }),
    /there is no file of 0001_b, so it has no hash/
  ],
  'that has another time in the ledger': [
    async t => ({ ...(await history(t, [A, B], [A, { ...B, when: timeOf(7) }])), args: ['0001_b'] }),
    /0001_b is in the ledger under another time or name: run npx fastify-neon repair/
  ],
  'in the middle of which a run ended': [
    async t => {
      const sql = '-- fastify-neon:no-transaction\ncreate table b (y int);\nselect 1 / 0'
      const start = await history(t, [A])
      writeFolder(start.folder, [A, { ...B, sql }])
      await t.rejects(apply(start.url, start.folder), { code: 'FST_NEON_MIGRATION_FAILED' })
      return { ...start, args: ['0001_b'] }
    },
    /a run ended in the middle of 0001_b: run npx fastify-neon migrate, which goes on/
  ],
  'that is in the ledger': [
    async t => ({ ...(await history(t, [A])), args: ['0000_a'] }),
    /0000_a is in the ledger already/
  ],
  'that would leave an older one out for ever': [
    async t => {
      const start = await history(t, [A], [A, B, C])
      await administer('alter table a add column z int', start.url)
      return { ...start, args: ['0002_c'] }
    },
    /pending, and older: 0001_b\. Name them as well/
  ],
  'whose objects are not in the database': [
    async t => ({
      ...(await history(t, [A], [A, { ...B, tables: { ...B.tables, c: [], d: [], e: [] } }])),
      args: ['--baseline']
    }),
    /0001_b: the database does not have table b, table c, table d and 1 more, so it is not applied/
  ],
  [AT_ITS_TIME]: [
    async t => {
      const start = await history(t, [{ name: '0000_other', sql: 'create table other ()', when: A.when }])
      return { ...start, folder: makeFolder(t, [A]), args: ['0000_a'] }
    },
    /0000_a: the database does not have table a, although .*git checkout HEAD -- \S+0000_a\.sql; .*; for another folder, npx fastify-neon migrate --ledger SCHEMA\.TABLE/
  ],
  'of which nothing in the database tells': [
    async t => ({ ...(await history(t, [A], [A, NOTHING_TO_SEE])), args: ['--baseline'] }),
    /0001_i: the database does not tell whether \S+0001_i(?:\/migration)?\.sql:1 was carried out/
  ],
  'without a snapshot, and of comments alone': [
    async t => ({
      ...(await history(t, [A], [A, { name: B.name, sql: PULLED, when: timeOf(1) }])),
      args: ['--baseline']
    }),
    /0001_b: there is nothing to compare/
  ],
  'with a snapshot of another shape': [
    async t => {
      const start = await history(t, [A], [A, { ...B, sql: PULLED }])
      writeFileSync(snapshotPath(start.folder, '0001_b'), '{"tables":[]}')
      return { ...start, args: ['--baseline'] }
    },
    /0001_b: there is nothing to compare/
  ]
}

const BEFORE: Written = {
  name: '0000_before',
  sql: `create table a (x int, y int, constraint a_check check (x > 0), constraint a_old check (x > 1));
create index a_old_idx on a (x); create index a_x_idx on a (x); create policy a_all on a;
create table open (x int); alter table open enable row level security, force row level security;
create table old (); create table c (); create view seen as select x from a; create view kept as select 1 as x;
create type mood as enum ('calm'); create type pair as (one int)`,
  when: timeOf(0),
  tables: { a: ['x', 'y'] }
}

const COMPARED = [
  'create table b (y int constraint b_check check (y > 0), constraint b_key unique (y))',
  'create table b_2 (like a)',
  'create index a_i on public.a (x)',
  'create policy a_some on a',
  "create type taste as enum ('sweet')",
  'create schema app',
  'create sequence numbers',
  'create view looks as select x from a',
  'alter table a add column z int, add column z_2 int',
  'alter table a add constraint a_key unique (x)',
  'alter table a enable row level security',
  'alter table a force row level security',
  'alter table open no force row level security',
  'alter table open disable row level security',
  'alter table a drop column y',
  'alter table a drop constraint a_check',
  'alter table a rename constraint a_old to a_new',
  'alter table c rename to d',
  'alter table open rename x to w',
  'alter index a_x_idx rename to a_idx',
  "alter type mood add value 'sad'",
  "alter type mood rename value 'calm' to 'still'",
  'drop table public.old',
  'drop view seen',
  'drop index a_old_idx',
  'drop type pair',
  'drop policy a_all on a',
  'DO $$ BEGIN ALTER TABLE a ADD CONSTRAINT a_z UNIQUE (z); EXCEPTION WHEN duplicate_object THEN null; END $$'
]

const NOT_COMPARED = [
  'alter table a alter column x set not null',
  'alter table a add column z int, alter column z set not null',
  'alter table a add check (x < 9)',
  'alter table a owner to current_user',
  'alter index a_x_idx set (fillfactor = 90)',
  'create index on a (x)',
  'create schema app create table in_it ()',
  'create schema authorization current_user',
  'create or replace view kept as select 1 as x',
  'alter view kept rename x to w',
  'alter policy a_all on a using (true)',
  'alter type mood rename to moods',
  'drop schema if exists nothing',
  'drop function if exists one',
  "comment on table a is 'first'",
  'grant select on a to current_user',
  'insert into c default values',
  'do $$ begin perform 1; end $$',
  'DO $$ BEGIN PERFORM 1; EXCEPTION WHEN duplicate_object THEN null; END $$'
]

inBothLayouts(t, (layout, t) => {
  const run = COMMANDS['mark-applied']

  t.test(
    'marks what enables row-level security once it is enabled, which alone is no trace of it',
    async t => {
      const secured = {
        ...B,
        sql: 'alter table a enable row level security',
        tables: { a: ['x'] },
        isRLSEnabled: true
      }
      const { url, folder } = await history(t, [A], [A, secured])
      const marked = () => run({ DATABASE_URL: url }, B.name, '--folder', folder)

      t.match(await marked(), { code: 1, text: /missing {2}row-security a\n/ })
      await administer('alter table a enable row level security', url)
      t.match(await status({ DATABASE_URL: url }, '--folder', folder), { text: /^pending +0001_b/m })
      t.match(await marked(), { code: 0 })
      t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    }
  )

  for (const [title, [make, problem]] of Object.entries(NOT_MARKED)) {
    // A ledger of 1.0 knows them apart by their names.
    if (layout === 'folders' && title === AT_ITS_TIME) continue
    t.test(`mark-applied does not mark a migration ${title}`, async t => {
      const { url, folder, args } = await make(t)
      const before = await ledgerOf(url)

      const { code, text } = await run({ DATABASE_URL: url }, '--folder', folder, ...args)

      t.equal(code, 1)
      t.match(text, new RegExp(`nothing was written:\\n  ${problem.source}`))
      t.strictSame(await ledgerOf(url), before)
    })
  }

  for (const [title, sql, isCompared] of [
    [
      'a statement as compared once the database has what it makes, and nothing that it drops',
      COMPARED,
      true
    ],
    ['no statement as compared of which no name tells', NOT_COMPARED, false]
  ] as const)
    t.test(`takes ${title}`, async t => {
      const written = { ...BEFORE, name: '0001_x', sql: sql.join(';\n'), when: timeOf(1) }
      const { url, folder } = await history(t, [BEFORE], [BEFORE, written])
      const unseen = async () =>
        JSON.parse((await run({ DATABASE_URL: url }, '--folder', folder, '0001_x', '--json')).text).marks[0]
          .unseen
      const lines = sql.map((_, index) => index + 1)

      t.strictSame(await unseen(), lines)
      for (const statement of sql) await administer(statement, url)
      t.strictSame(await unseen(), isCompared ? [] : lines)
    })

  t.test('takes nothing as compared that was written behind a migration that is applied', async t => {
    const secured = {
      ...B,
      sql: `${B.sql}\nset lock_timeout = '1s';\nalter table b force row level security`
    }
    const { url, folder } = await history(t, [A, B], [A, secured])
    const marked = async () =>
      JSON.parse((await run({ DATABASE_URL: url }, '--folder', folder, '0001_b', '--json')).text)

    t.match(await marked(), { marks: [{ unseen: [3] }], written: [], exitCode: 1 })
    await administer('alter table b force row level security', url)
    t.match(await marked(), { marks: [{ unseen: [] }], written: ['0001_b'], exitCode: 0 })
  })

  t.test('compares with what a name without a schema finds, and not with a copy elsewhere', async t => {
    const { url, folder } = await history(t, [], [A])
    const marked = () => run({ DATABASE_URL: url }, '--folder', folder, '--baseline')
    await administer('create schema backup; create table backup.a (x int)', url)

    const copied = await marked()
    await administer(
      `do $$ begin execute format('alter database %I set search_path = backup', current_database()); end $$`,
      url
    )

    t.match(copied, { code: 1, text: /missing {2}table a\n/ })
    t.match(await marked(), { code: 0, text: /\n1 marked as applied\n$/ })
  })

  t.test('takes from another ledger what that has, and leaves all else pending', async t => {
    const other: Written = { name: '0009_other', sql: 'create table other ()', when: timeOf(9) }
    const { url, folder } = await history(t, [A, C, other], [A, B, C])
    const from = (ledger: string, ...args: string[]) =>
      run({ DATABASE_URL: url }, '--folder', folder, '--from-ledger', ledger, '--ledger', 'own.own', ...args)
    rmSync(sqlPath(folder, '0009_other'), { force: true })
    await administer(`create table drizzle.none (like ${LEDGER})`, url)

    const told = await status({ DATABASE_URL: url }, '--folder', folder)
    const none = await from('drizzle.none', '--baseline')
    const taken = await from(LEDGER, '--baseline')
    const again = await from(LEDGER, '--baseline')
    const rest = await status({ DATABASE_URL: url }, '--folder', folder, '--ledger', 'own.own')

    t.match(told.text, `--baseline --ledger SCHEMA.TABLE --from-ledger ${LEDGER},`)
    t.match(none, { code: 1, text: /drizzle\.none has no row of what is pending: 0000_a, 0001_b, 0002_c\n$/ })
    t.match(taken, { code: 0, text: /^0000_a: the other .*0002_c: the other .*\n2 marked/s })
    t.match(again, { code: 1, text: /has no row of what is pending: 0001_b/ })
    t.match(rest, { code: 15, text: /late-merged +0001_b/ })
  })

  t.test('compares nothing that a newer migration has undone', async t => {
    const gone: Written = { name: '0002_gone', sql: 'drop table b', when: timeOf(2), tables: { a: ['x'] } }
    const again: Written = { ...B, name: '0003_again', when: timeOf(3) }
    const { url, folder } = await history(t, [], [A, B, gone, again])
    const all = ['--folder', folder, '--baseline', '--dry-run']
    await administer('create table a (x int); create table b (y int)', url)

    const whole = await run({ DATABASE_URL: url }, ...all)
    writeFolder(folder, [A, B, gone])
    await administer('drop table b', url)
    const less = await run({ DATABASE_URL: url }, ...all)

    t.match(whole, { code: 0, text: /\n4 would be marked/ })
    t.match(less, { code: 0, text: /\n {2}gone {5}table b\n3 would be marked/ })
  })

  t.test('compares by the SQL alone where there is no snapshot', async t => {
    const { url, folder } = await history(t, [A], [A, { name: B.name, sql: B.sql, when: timeOf(1) }])
    const marked = () => run({ DATABASE_URL: url }, '--folder', folder, '--baseline')

    const before = await marked()
    await administer(`${B.sql}`, url)

    t.match(before, { code: 1, text: /the database does not tell whether/ })
    t.match(await marked(), { code: 0, text: /there {4}table b\n {2}there {4}column b.y\n1 marked/ })
  })

  t.test('marks what nobody can compare once somebody has looked', async t => {
    const { url, folder } = await history(t, [A], [A, NOTHING_TO_SEE])
    const marked = (...args: string[]) =>
      run({ DATABASE_URL: url }, '--folder', folder, '--baseline', ...args)

    const refused = await marked('--json')
    const tried = await marked('--unchecked', '--dry-run')
    const before = await ledgerOf(url)
    const written = await marked('--unchecked')

    t.equal(refused.code, 1)
    t.match(JSON.parse(refused.text), { marks: [{ unseen: [1] }], written: [], exitCode: 1 })
    t.match(tried, { code: 0, text: /nothing to compare of line 1\n1 would be marked as applied\n$/ })
    t.equal(before.length, 1)
    t.match(written, { code: 0, text: /\n1 marked as applied\n$/ })
    t.equal((await ledgerOf(url)).length, 2)
    t.strictSame(await marked(), { code: 0, text: 'nothing is pending\n' })
    t.match(JSON.parse((await marked('--json')).text), { marks: [], problems: [], written: [], exitCode: 0 })
  })

  t.test('compares what older versions of drizzle-kit wrote as DO', async t => {
    const sql = `DO $$ BEGIN
 CREATE TYPE "public"."mood" AS ENUM('fine');
EXCEPTION
 WHEN duplicate_object THEN null;
END $$;`
    const { url, folder } = await history(
      t,
      [A],
      [A, { ...A, name: '0001_m', sql, when: timeOf(1), enums: ['mood'] }]
    )
    await administer("create type mood as enum ('fine')", url)

    t.strictSame(await run({ DATABASE_URL: url }, '--folder', folder, '0001_m'), {
      code: 0,
      text: '0001_m: 2 of 2 compared are in the database\n  there    type mood\n  there    value mood.fine\n1 marked as applied\n'
    })
  })

  t.test('writes all of the rows or none', async t => {
    const { url, folder } = await history(t, [A], [A, B, C])
    await administer(
      `alter table a add column z int; create table b (y int);
       alter table ${LEDGER} add check (created_at < ${timeOf(2)})`,
      url
    )

    const { code, text } = await run({ DATABASE_URL: url }, '--folder', folder, '--baseline')

    t.equal(code, 1)
    t.match(text, /violates check constraint .*\(SQLSTATE 23514\)/)
    t.equal((await ledgerOf(url)).length, 1)
  })

  t.test('says how it is used', async t => {
    t.match(await run({}, '--help'), { code: 0, text: /^npx fastify-neon mark-applied/ })
    for (const args of [[], ['0000_a', '--baseline'], ['--nonsense']])
      t.match(await run({}, ...args), { code: 2, text: /\nnpx fastify-neon mark-applied/ }, args.join(' '))
  })
})

t.test('fastify-neon repair', async t => {
  const run = COMMANDS.repair

  t.test('has nothing to do where all is well', async t => {
    const { url, folder } = await history(t, [A])
    const repaired = (...args: string[]) => run({ DATABASE_URL: url }, '--folder', folder, ...args)

    t.strictSame(await repaired(), { code: 0, text: 'nothing to repair\n' })
    const { code, text } = await repaired('--json')
    t.equal(code, 0)
    t.strictSame(JSON.parse(text), { steps: [], problems: [], exitCode: 0 })
  })

  t.test('changes nothing in a dry run', async t => {
    const { read, repaired } = await ahead(t)
    const before = await read()

    const { code, text } = await repaired('--dry-run')

    t.equal(code, 0)
    t.match(
      text,
      /^journal: 0001_b was .*\nledger: 0001_b was .*\nnothing was changed, because of --dry-run\n$/
    )
    t.strictSame(await read(), before)
  })

  const lost: [title: string, sql: string | undefined][] = [
    ['was changed', 'create table other ()'],
    ['is not there', undefined]
  ]
  for (const [title, sql] of lost)
    t.test(
      `leaves the time of a migration whose file ${title}, since nothing else would find its row`,
      async t => {
        const ahead = { ...B, when: TOMORROW }
        const start = await history(t, [A])
        writeFolder(start.folder, [A, ahead])
        await migrateAsDrizzleKit(start.url, start.folder)
        rmSync(sqlPath(start.folder, '0001_b'))
        writeFolder(start.folder, [A, { ...ahead, sql }])

        const { code, text } = await run({ DATABASE_URL: start.url }, '--folder', start.folder, '--json')

        t.equal(code, 1)
        t.match(JSON.parse(text), {
          steps: [],
          problems: [/^0001_b stays as it is in the journal/],
          exitCode: 1
        })
        t.match(await ledgerOf(start.url), [{}, { when: TOMORROW }])
      }
    )

  t.test('does not start over where a table of the folder is left', async t => {
    const { url, folder } = await history(t, [A, B])
    await administer('drop table b', url)
    const before = await ledgerOf(url)

    t.match(await run({ DATABASE_URL: url }, '--folder', folder, '--start-over'), {
      code: 1,
      text: /^--start-over is for .*, and this one has table a\n$/
    })
    t.strictSame(await ledgerOf(url), before)
  })

  t.test(
    'keeps rows of another branch when it starts over where a table is left, unless it is told',
    async t => {
      const { url, folder } = await withBranch(t)
      await administer('drop table a', url)
      const startedOver = (...args: string[]) =>
        run({ DATABASE_URL: url }, '--folder', folder, '--start-over', ...args)

      const kept = await startedOver('--dry-run')
      const told = await startedOver('--forget-unknown')

      t.equal(kept.code, 1)
      t.match(
        kept.text,
        /^the rows that this folder does not know \(1\) stay, .* the table public\.branch, /m
      )
      t.match(told, {
        code: 0,
        text: /^ledger: the row of 0000_a is .*\nledger: the row of 2026-01-01T00:09:00.000Z, which no file /
      })
      t.strictSame(await ledgerOf(url), [])
    }
  )

  t.test('forgets what no file explains when it is told to, and says so before', async t => {
    const { url, folder } = await withBranch(t)
    const repaired = (...args: string[]) => run({ DATABASE_URL: url }, '--folder', folder, ...args)

    const untold = await repaired()
    const tried = await repaired('--forget-unknown', '--dry-run')
    const before = await ledgerOf(url)
    const told = await repaired('--forget-unknown')

    t.strictSame(untold, { code: 0, text: 'nothing to repair\n' })
    t.match(tried, {
      code: 0,
      text: /^ledger: the row of \S+, which no file of this folder explains, is taken out\nwhat those .* stays in the database\nnothing was changed/
    })
    t.equal(before.length, 2)
    t.equal(told.code, 0)
    t.match(await ledgerOf(url), [{ when: A.when }])
  })

  t.test('lets a run that stopped go on, whatever became of the time of its migration', async t => {
    const ahead = { ...STEPWISE, when: TOMORROW }
    const { url, folder } = await stoppedHalfway(t)
    const note = 'select created_at, done from drizzle.__fastify_neon_progress'
    writeFolder(folder, [A, ahead])
    const refused = await COMMANDS.migrate({ DATABASE_URL: url }, '--folder', folder)

    t.match(refused, { code: 13, text: /restamped +0001_b: a run ended in the middle of it/ })
    t.match(await run({ DATABASE_URL: url }, '--folder', folder), {
      code: 0,
      text: /^journal: 0001_b was .*\nprogress: 0001_b was 2026-01-01T00:01:00.000Z, and is /
    })
    t.match(await administer(note, url), [{ done: 2 }])
    t.match(await COMMANDS.migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    t.strictSame(await administer('select y from b', url), [{ y: 1 }])
  })

  t.test('starts over where the first migration of all was stopped, from its first statement', async t => {
    const { url, folder } = await history(t, [], [{ ...STEPWISE, name: '0000_b', tables: { b: ['y'] } }])
    await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED' })
    await administer('drop table b; create table other (); create function ready() returns int return 1', url)

    t.match(await run({ DATABASE_URL: url }, '--folder', folder, '--start-over'), {
      code: 0,
      text: /^progress: the note that a run stopped .* is taken out\n$/
    })
    t.match(await COMMANDS.migrate({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    t.strictSame(await administer('select y from b', url), [{ y: 1 }])
  })

  t.test('does not move a row that may be of another folder', async t => {
    const url = await sharedText(t)
    const folder = makeFolder(t, [A, B])
    const repaired = (...args: string[]) => run({ DATABASE_URL: url }, '--folder', folder, ...args)
    const before = await ledgerOf(url)

    const untold = await repaired()
    const after = await ledgerOf(url)
    const told = await repaired('--forget-unknown', '--dry-run')

    t.match(untold, {
      code: 1,
      text: /^the row of 0000_a keeps its time, .*npx fastify-neon migrate --ledger SCHEMA.TABLE/
    })
    t.strictSame(after, before)
    t.match(told, { code: 0, text: /^ledger: 0000_a was .*\nledger: the row of 2025/ })
  })

  t.test('does not take out a row of another text', async t => {
    const { url, folder } = await history(t, [A])
    await administer(
      `insert into ${LEDGER} (hash, created_at) values ('another', ${A.when}), ('another', ${A.when})`,
      url
    )
    const repaired = (...args: string[]) => run({ DATABASE_URL: url }, '--folder', folder, ...args)

    const untold = await repaired()
    const after = await ledgerOf(url)
    const told = await repaired('--forget-unknown')

    t.match(untold, { code: 1, text: /^a row of the time of 0000_a stays in the ledger, / })
    t.equal(after.length, 3)
    t.equal(told.code, 0)
    t.equal((await ledgerOf(url)).length, 1)
  })

  t.test(
    'leaves the journal as it is when the ledger cannot be written, and ends both when it can',
    async t => {
      const { url, folder, read, repaired } = await ahead(t)
      await administer(
        `create function refuse() returns trigger language plpgsql as 'begin raise ''not today''; end';
       create trigger refuse before update on ${LEDGER} execute function refuse()`,
        url
      )
      const before = await read()

      t.match(await repaired(), { code: 1, text: /not today/ })
      t.strictSame(await read(), before)
      await administer(`drop trigger refuse on ${LEDGER}`, url)
      t.match(await repaired(), { code: 0 })
      t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    }
  )

  t.test('ends in a second run when COMMIT failed', async t => {
    const { url, folder, repaired } = await ahead(t)
    await administer(
      `create function refuse() returns trigger language plpgsql as 'begin raise ''not today''; end';
       create constraint trigger refuse after update on ${LEDGER} deferrable initially deferred
         for each row execute function refuse()`,
      url
    )

    t.match(await repaired(), { code: 1, text: /not today/ })
    await administer(`drop trigger refuse on ${LEDGER}`, url)
    t.match(await repaired(), { code: 0, text: /^ledger: 0001_b was .*\n$/ })
    t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
  })

  t.test('leaves the ledger as it is when the journal cannot be written', async t => {
    const { url, folder } = await ahead(t)
    const before = await ledgerOf(url)
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query('select pg_advisory_lock($1)', [LOCK_KEY])
    const said: string[] = []
    const printError = (line: string) => {
      // It has read the folder when it waits for the lock.
      if (said.length === 0) rmSync(join(folder, 'meta'), { recursive: true })
      if (said.length === 0) holder.end()
      said.push(line)
    }

    const code = await repair(['--folder', folder], { env: { DATABASE_URL: url }, print() {}, printError })

    t.equal(code, 1)
    t.match(said, [/^waiting for another run/, /ENOENT/])
    t.strictSame(await ledgerOf(url), before)
  })

  t.test('dates the first right before the next', async t => {
    const ahead = (written: Written) => ({ ...written, when: TOMORROW })
    const { url, folder } = await history(t, [], [ahead(A), ahead(B), { ...C, when: timeOf(2) }])

    t.match(await run({ DATABASE_URL: url }, '--folder', folder), { code: 0 })
    const { entries } = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'))
    t.match(entries, [{ when: timeOf(2) - 2 }, { when: timeOf(2) - 1 }, { when: timeOf(2) }])
  })

  t.test(
    'does not rename an entry to a file that nothing proves, and says how to restore the right one',
    async t => {
      const { url, folder } = await history(t, [A, B])
      rmSync(sqlPath(folder, '0001_b'))
      const repaired = () => run({ DATABASE_URL: url }, '--folder', folder)
      const journal = readFileSync(join(folder, 'meta/_journal.json'), 'utf8')

      const deleted = await repaired()
      writeFileSync(sqlPath(folder, '0001_branch'), 'create table branch ()')
      const replaced = await repaired()

      t.equal(deleted.code, 1)
      t.match(
        deleted.text,
        /^0001_b stays .* because its file is not there: restore .*git checkout COMMIT\^ -- \S+0001_b\.sql/
      )
      t.equal(replaced.code, 1)
      t.match(
        replaced.text,
        /no row of the ledger proves that 0001_branch.sql is it: if .*; if not: restore the file/
      )
      t.equal(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'), journal)
    }
  )

  t.test('does not forget a row whose file is there, and the journal does not name it', async t => {
    const { url, folder } = await history(t, [A, B], [A])
    const before = await ledgerOf(url)

    t.match(await run({ DATABASE_URL: url }, '--folder', folder, '--forget-unknown'), {
      code: 1,
      text: '0001_b is applied, and the journal does not name it: restore the journal first\n'
    })
    t.strictSame(await ledgerOf(url), before)
  })

  t.test('starts over where no more than a copy in another schema is left', async t => {
    const { url, folder } = await history(t, [A])
    await administer('create schema backup; alter table a set schema backup', url)

    t.match(await status({ DATABASE_URL: url }, '--folder', folder), { code: 22, text: /^schema-missing /m })
    t.match(await run({ DATABASE_URL: url }, '--folder', folder, '--start-over'), { code: 0 })
    t.strictSame(await ledgerOf(url), [])
  })

  t.test('is what migrate names, with the code 22, when the tables of what is applied are gone', async t => {
    const { url, folder } = await history(t, [A, B])
    await administer('drop schema public cascade; create schema public', url)
    const migrated = (...args: string[]) =>
      COMMANDS.migrate({ DATABASE_URL: url }, '--folder', folder, ...args)

    t.match(await migrated(), {
      code: 22,
      text: /^0 applied\nschema-missing 0001_b: .*\n.*npx fastify-neon repair --start-over/
    })
    t.match(JSON.parse((await migrated('--json')).text), {
      findings: [{ kind: 'schema-missing' }],
      exitCode: 22
    })
  })

  t.test('does not start over where no snapshot tells of tables', async t => {
    const { url, folder } = await history(t, [{ name: A.name, sql: A.sql }])
    const before = await ledgerOf(url)

    t.match(await run({ DATABASE_URL: url }, '--folder', folder, '--start-over'), {
      code: 1,
      text: /^--start-over is for a database that has no table of the folder left\n$/
    })
    t.strictSame(await ledgerOf(url), before)
  })

  t.test('says how it is used', async t => {
    t.match(await run({}, '--help'), { code: 0, text: /^npx fastify-neon repair/ })
    t.match(await run({}, '0000_a'), { code: 2, text: /\nnpx fastify-neon repair/ })
  })
})

for (const [script, command, ...args] of [
  ['repair', repair],
  ['mark-applied', mark, '--baseline']
] as const)
  t.test(`${script} says for whom it waits`, async t => {
    const { url, folder } = await history(t, [A])
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    const { rows } = await holder.query('select pg_backend_pid() as pid, pg_advisory_lock($1)', [LOCK_KEY])
    const said: string[] = []
    const printError = (line: string) => {
      said.push(line)
      holder.end()
    }

    t.equal(
      await command(['--folder', folder, ...args], { env: { DATABASE_URL: url }, print() {}, printError }),
      0
    )

    t.strictSame(said, [`waiting for another run, backend ${rows[0].pid}, for 0 s`])
  })
