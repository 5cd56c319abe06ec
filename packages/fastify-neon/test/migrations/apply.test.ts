import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { applyMigrations } from '../../src/migrations/migrations.ts'
import {
  apply,
  inBothLayouts,
  ledgerOf,
  makeFolder,
  migrateAsDrizzleKit,
  sqlPath,
  statusOf,
  tablesIn,
  timeOf,
  writeFolder
} from './folders.ts'

const emptyDatabase = (t: Parameters<typeof createDatabase>[0]) => createDatabase(t, { migrated: false })

const failed = (failure: object) => ({ code: 'FST_NEON_MIGRATION_FAILED', failure })

const STEPWISE = '-- fastify-neon:no-transaction\n'

inBothLayouts(t, (layout, t) => {
  t.test('migrations', async t => {
    t.test("are applied once and named, with drizzle-kit's rows in its ledger", async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [
        { name: '0000_a', sql: 'create table a ();\n--> statement-breakpoint\ncreate table b ()' },
        { name: '0001_c', sql: 'create table c ()' }
      ])

      const first = await apply(url, folder)
      const second = await apply(url, folder)

      t.match(first, { applied: ['0000_a', '0001_c'], total: 2, findings: [] })
      t.strictSame(first.types, ['started', 'applied', 'started', 'applied'])
      t.match(second, { applied: [], total: 2, events: [] })
      t.strictSame(await tablesIn(url), ['a', 'b', 'c'])
      t.strictSame(
        (await ledgerOf(url)).map(({ when }) => when),
        [timeOf(0), timeOf(1)]
      )
    })

    t.test('are each a transaction of its own', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [
        { name: '0000_a', sql: 'create table a ()' },
        { name: '0001_b', sql: 'create table b ();\n--> statement-breakpoint\n\ncreate table\n  a ()' },
        { name: '0002_c', sql: 'create table c ()' }
      ])

      await t.rejects(
        apply(url, folder),
        failed({
          migration: '0001_b',
          file: sqlPath(folder, '0001_b'),
          line: 4,
          sqlState: '42P07',
          message: 'relation "a" already exists',
          remains: 'rolled-back'
        })
      )
      t.strictSame(await tablesIn(url), ['a'])
      t.equal((await ledgerOf(url)).length, 1)
    })

    t.test('are one transaction when they are asked to be', async t => {
      const url = await emptyDatabase(t)
      const migrations = [
        { name: '0000_a', sql: 'create table a ()' },
        { name: '0001_b', sql: 'select nothing_there' }
      ]
      const folder = makeFolder(t, migrations)

      await t.rejects(
        apply(url, folder, { singleTransaction: true }),
        failed({ migration: '0001_b', line: 1, sqlState: '42703', remains: 'rolled-back' })
      )
      t.strictSame(await tablesIn(url), [])

      writeFileSync(sqlPath(folder, '0001_b'), 'create table b ()')
      t.match(await apply(url, folder, { singleTransaction: true }), { applied: ['0000_a', '0001_b'] })
    })

    t.test('name the line that the server points at, and its hint', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: "-- ü\nselect 'ü' as x,\n  upper_('ü')\n;\n" }])

      await t.rejects(apply(url, folder), failed({ line: 3, sqlState: '42883', hint: /./ }))
    })

    t.test('may fail at COMMIT, where there is no line', async t => {
      const url = await emptyDatabase(t)
      const sql = `create table a (id int primary key, parent int references a deferrable initially deferred);
insert into a values (1, 2)`
      const folder = makeFolder(t, [{ name: '0000_a', sql }])

      await t.rejects(
        apply(url, folder),
        failed({ line: undefined, sqlState: '23503', remains: 'rolled-back' })
      )
      t.strictSame(await tablesIn(url), [])
    })

    t.test('do not inherit what the one before has set', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [
        { name: '0000_a', sql: "create schema other; set search_path = other; set statement_timeout = '1d'" },
        {
          name: '0001_b',
          sql: `create table b (); create table settings as
          select current_setting('statement_timeout') as s, current_setting('lock_timeout') as l`
        }
      ])

      await apply(url, folder, { statementTimeoutMs: 7000, lockTimeoutMs: 3000 })

      t.strictSame(await tablesIn(url), ['b', 'settings'])
      t.strictSame(await administer('select * from settings', url), [{ s: '7s', l: '3s' }])
    })

    t.test('have a time for each statement, and one for each lock', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'select pg_sleep(60)' }])
      await t.rejects(apply(url, folder, { statementTimeoutMs: 50 }), failed({ sqlState: '57014' }))

      await administer('create table held ()', url)
      const held = administer('begin; lock table held; select pg_sleep(60)', url)
      held.catch(() => {})
      while (
        (await administer("select from pg_locks where relation = 'held'::regclass and granted", url))
          .length === 0
      );
      writeFolder(folder, [{ name: '0000_a', sql: 'alter table held add column x int' }])

      await t.rejects(apply(url, folder, { lockTimeoutMs: 50 }), failed({ sqlState: '55P03', line: 1 }))
    })

    t.test('take the time that they set for themselves', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [
        { name: '0000_a', sql: 'set local statement_timeout = 0; select pg_sleep(2)' }
      ])

      t.match(await apply(url, folder, { statementTimeoutMs: 1000, answerTimeoutMs: 500 }), {
        applied: ['0000_a']
      })
    })

    t.test('name an index that somebody else left invalid, and leave it alone', async t => {
      const url = await emptyDatabase(t)
      await administer('create table other (n int); insert into other values (1), (1)', url)
      await t.rejects(administer('create unique index concurrently other_n_idx on other (n)', url))

      const { events } = await apply(url, makeFolder(t, [{ name: '0000_a', sql: 'select 1' }]))

      t.match(events.at(-1), { type: 'invalid-index-found', index: 'public.other_n_idx' })
    })

    t.test('pass on what they RAISE', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: "do $$ begin raise notice 'moved %', 3; end $$" }])

      t.match((await apply(url, folder)).events, [{}, { type: 'notice', message: 'moved 3' }, {}])
    })

    t.test('are applied when nobody listens', async t => {
      const url = await createDatabase(t, { migrated: false })
      const folder = makeFolder(t, [
        { name: '0000_n', sql: "do $$ begin raise warning 'heard by nobody'; end $$" }
      ])

      t.match(await applyMigrations({ url, folder }), { applied: ['0000_n'] })
    })

    t.test('that drizzle-kit applied while this run was at work are left alone', async t => {
      const url = await emptyDatabase(t)
      // Behind the look at the ledger, and in front of the next transaction.
      const hash = createHash('sha256').update('create table b ()').digest('hex')
      const [column, value] = layout === 'folders' ? [', name', ", '20260101000100_0001_b'"] : ['', '']
      const meanwhile = `insert into drizzle.__drizzle_migrations (hash, created_at${column}) values ('${hash}', ${timeOf(1)}${value})`
      const folder = makeFolder(t, [
        { name: '0000_a', sql: meanwhile },
        { name: '0001_b', sql: 'create table b ()' }
      ])

      t.match(await apply(url, folder), { applied: ['0000_a'] })
      t.strictSame(await tablesIn(url), [])
    })
  })

  t.test('a folder with something wrong in it', async t => {
    const rows = [
      { title: 'a late one', sql: 'select 1', when: timeOf(-1), kind: 'late-merged' },
      { title: 'a half-written one', sql: 'create table', kind: 'half-written' },
      { title: 'one that is not there', sql: undefined, kind: 'missing' },
      { title: 'one of tomorrow', sql: 'select 1', when: Date.now() + 86_400_000, kind: 'future-dated' },
      { title: 'one with a COMMIT', sql: 'commit; select 1', kind: 'misplaced' }
    ]
    for (const { title, kind, ...rest } of rows) {
      const wrong = { name: '0002_c', ...rest }
      t.test(`is refused before anything is done: ${title}`, async t => {
        const url = await emptyDatabase(t)
        const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
        await apply(url, folder)
        const [first, last] = kind === 'late-merged' ? [[wrong], []] : [[], [wrong]]
        writeFolder(folder, [
          ...first,
          { name: '0000_a', when: timeOf(0) },
          { name: '0001_b', sql: 'create table b ()', when: timeOf(1) },
          ...last
        ])

        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATIONS_REFUSED',
          findings: [{ kind, migration: '0002_c' }]
        })
        t.strictSame(await tablesIn(url), ['a'])
      })
    }

    t.test('is told of, when it is with one that is applied', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
      await apply(url, folder)
      writeFolder(folder, [
        { name: '0000_a', sql: 'create table' },
        { name: '0001_b', sql: 'create table b ()' }
      ])

      t.match(await apply(url, folder), {
        applied: ['0001_b'],
        findings: [{ kind: 'half-written' }, { kind: 'edited' }]
      })
    })

    t.test('is applied with what is late, when that is wanted', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
      await apply(url, folder)
      writeFolder(folder, [
        { name: '0001_b', sql: 'create table b ()', when: timeOf(-1) },
        { name: '0000_a', when: timeOf(0) }
      ])

      t.match(await apply(url, folder, { applyLate: true }), { applied: ['0001_b'] })
      t.match(await statusOf(url, folder), { pending: [], findings: [] })
    })

    t.test('is refused when one that has no transaction should share one', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: `${STEPWISE}select 1` }])

      await t.rejects(apply(url, folder, { singleTransaction: true }), {
        code: 'FST_NEON_MIGRATIONS_REFUSED',
        findings: [{ kind: 'misplaced' }]
      })
    })
  })

  t.test('any file', async t => {
    const file = (sql: string) => [{ name: '0000_a', sql }]

    for (const [title, sql, tables] of [
      ['with nothing but comments', '-- introspected\n/*\ncreate table a ();\n*/', []],
      ['with a byte order mark', '\uFEFFcreate table a ();', ['a']],
      [
        'with the line ends of Windows',
        'create table a ();\r\n--> statement-breakpoint\r\ncreate table b ();',
        ['a', 'b']
      ]
    ] as const)
      t.test(`${title} is applied`, async t => {
        const url = await emptyDatabase(t)
        const folder = makeFolder(t, file(sql))

        t.match(await apply(url, folder), { applied: ['0000_a'], findings: [] })
        t.strictSame(await tablesIn(url), tables)
        t.match(await statusOf(url, folder), { pending: [], findings: [] })
      })

    for (const [title, sql, sqlState] of [
      [
        'that uses a value it has added to an enum',
        "alter type mood add value 'glad'; select 'glad'::mood",
        '55P04'
      ],
      ['that calls a procedure that commits', 'call committing()', '2D000'],
      ['that commits in what DO executes', "do $$ begin execute 'vacuum'; end $$", '25001']
    ] as const)
      t.test(`${title} fails with the line that it needs, and is applied with it`, async t => {
        const url = await emptyDatabase(t)
        await administer("create type mood as enum ('calm')", url)
        await administer('create procedure committing() language plpgsql as $$ begin commit; end $$', url)
        const folder = makeFolder(t, file(sql))

        await t.rejects(
          apply(url, folder),
          failed({
            line: 1,
            sqlState,
            fix: /^put the line -- fastify-neon:no-transaction at the top of .*0000_a(?:\/migration)?\.sql$/
          })
        )
        writeFolder(folder, file(`${STEPWISE}${sql}`))
        // VACUUM cannot be in a function either way.
        if (sqlState === '25001')
          await t.rejects(apply(url, folder), failed({ fix: /^write it as a statement of the/ }))
        else t.match(await apply(url, folder), { applied: ['0000_a'] })
      })

    t.test('whose table is there fails with where to look', async t => {
      const url = await emptyDatabase(t)
      await administer('create table a ()', url)

      await t.rejects(
        apply(url, makeFolder(t, file('create table a ()'))),
        failed({ sqlState: '42P07', fix: /^run npx fastify-neon status/ })
      )
    })

    t.test(
      'of the same time as one of another folder in the same ledger is applied all the same',
      async t => {
        const url = await emptyDatabase(t)
        await apply(url, makeFolder(t, file('create table a ()')))
        const both = makeFolder(t, [
          { name: '0000_a', sql: 'create table a ()', when: timeOf(0) },
          { name: '0001_b', sql: 'create table b ()', when: timeOf(0) }
        ])

        t.match(await apply(url, both), {
          applied: ['0001_b'],
          findings: layout === 'folders' ? [] : [{ kind: 'reordered' }]
        })
        t.strictSame(await tablesIn(url), ['a', 'b'])
      }
    )
  })

  t.test('the ledger', async t => {
    t.test('may have another name', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])
      const ledger = { schema: 'My"History', table: 'of it' }

      await apply(url, folder, { ledger })

      t.equal((await administer('select * from "My""History"."of it"', url)).length, 1)
    })

    t.test('is the one that drizzle reads', async t => {
      const url = await emptyDatabase(t)
      const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ()' }])

      await apply(url, folder)
      await migrateAsDrizzleKit(url, folder)
      writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'create table b ()' }])
      await migrateAsDrizzleKit(url, folder)

      t.match(await apply(url, folder), { applied: [], total: 2, findings: [] })
      t.strictSame(await tablesIn(url), ['a', 'b'])
    })
  })
})
