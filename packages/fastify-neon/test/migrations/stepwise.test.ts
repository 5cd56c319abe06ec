import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import pg from 'pg'
import t, { type Test } from 'tap'
import { until } from '../../../../test/support/app.ts'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { untilIdleFor } from '../support/pools.ts'
import { apply, inBothLayouts, ledgerOf, makeFolder, sqlPath, statusOf } from './folders.ts'

const BREAKPOINT = '--> statement-breakpoint'

const BUILD = `-- fastify-neon:no-transaction
create table steps (n int);
--> statement-breakpoint
insert into steps values (1);
--> statement-breakpoint
create unique index concurrently steps_n_idx on steps (n);
--> statement-breakpoint
insert into steps values (2);`

const open = (t: Test) => createDatabase(t, { migrated: false })

const INDEXES = "select relname from pg_class where relname like 'steps_n%' and relkind = 'i' order by 1"
const indexesIn = async (url: string) => (await administer(INDEXES, url)).map(({ relname }) => relname)
const stepsIn = async (url: string) =>
  (await administer('select n from steps order by n', url)).map(({ n }) => n)

interface Interrupted {
  sql?: string
  /** Statements that are done. */
  done: number
  /** Whether the next one was under way. */
  isBegun: boolean
}

/** A folder and what a run leaves in the database that is ended in the middle of its one migration. */
async function interrupt(t: Test, url: string, { sql = BUILD, done, isBegun }: Interrupted): Promise<string> {
  const parts = [...sql.split(BREAKPOINT).slice(0, done), 'select 1 / 0']
  const folder = makeFolder(t, [{ name: '0000_build', sql: parts.join(BREAKPOINT) }])
  await t.rejects(apply(url, folder), {
    code: 'FST_NEON_MIGRATION_FAILED',
    failure: { sqlState: '22012', remains: 'interrupted' }
  })
  writeFileSync(sqlPath(folder, '0000_build'), sql)
  const hash = createHash('sha256').update(sql).digest('hex')
  await administer(`update drizzle.__fastify_neon_progress set hash = '${hash}', is_begun = ${isBegun}`, url)
  return folder
}

inBothLayouts(t, (_layout, t) => {
  t.test('a migration without a transaction', async t => {
    t.test('is applied statement by statement, and leaves no trace but its row', async t => {
      const url = await open(t)
      const folder = makeFolder(t, [{ name: '0000_build', sql: BUILD }])

      const { applied, types } = await apply(url, folder)

      t.match(applied, ['0000_build'])
      t.strictSame(types, ['started', 'applied'])
      t.strictSame(await indexesIn(url), ['steps_n_idx'])
      t.strictSame(await administer('select * from drizzle.__fastify_neon_progress', url), [])
      t.equal((await ledgerOf(url)).length, 1)
    })

    t.test('goes on where an earlier version has stopped, which kept the hash of the file alone', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { sql: BUILD, done: 1, isBegun: false })
      await administer('alter table drizzle.__fastify_neon_progress drop column done_hash', url)

      t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
      t.match(await statusOf(url, folder), { findings: [] })
    })

    t.test('adds a value to an enum that the next statement uses', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction
create type mood as enum ('calm'); create table moods (mood mood);
alter type mood add value 'glad';
insert into moods values ('glad')`

      t.match(await apply(url, makeFolder(t, [{ name: '0000_mood', sql }])), { applied: ['0000_mood'] })
    })

    t.test('commits in the middle of DO and CALL', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction
create table steps (n int);
create procedure fill() language plpgsql as $$ begin insert into steps values (1); commit; insert into steps values (2); end $$;
call fill();
do $$ begin for i in 3..4 loop insert into steps values (i); commit; end loop; end $$`

      t.match(await apply(url, makeFolder(t, [{ name: '0000_fill', sql }])), { applied: ['0000_fill'] })
      t.strictSame(await stepsIn(url), [1, 2, 3, 4])
    })

    t.test('commits in a DO however it is written, and in a procedure that a procedure calls', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction
create table steps (n int);
create procedure inner_fill() language plpgsql as $$ begin insert into steps values (1); commit; end $$;
create procedure fill() language plpgsql as $$ begin call inner_fill(); end $$;
call fill();
do $$ begin call fill(); end $$;
do $$ <<here>> begin commit; raise notice '--'; commit; end $$`

      t.match(await apply(url, makeFolder(t, [{ name: '0000_fill', sql }])), { applied: ['0000_fill'] })
      t.strictSame(await stepsIn(url), [1, 1])
    })

    const REFUSED: [title: string, sql: string, sqlState: string, fix: RegExp][] = [
      [
        'a COMMIT where none can be',
        `do $$ begin begin perform 1; commit; exception when division_by_zero then null; end; end $$`,
        '2D000',
        /^COMMIT and ROLLBACK work in a DO/
      ],
      [
        'a VACUUM in a DO',
        `do $$ begin execute 'vacuum pg_class'; end $$`,
        '25001',
        /^write it as a statement/
      ],
      [
        'a value of an enum that is used where it is added',
        `create type mood as enum ('calm');
       do $$ begin alter type mood add value 'glad'; perform 'glad'::mood; end $$`,
        '55P04',
        /^add the value in a statement of its own/
      ]
    ]
    for (const [title, sql, sqlState, fix] of REFUSED)
      t.test(`does not advise the line that it has for ${title}`, async t => {
        const url = await open(t)
        const name = '0000_refused'
        const folder = makeFolder(t, [{ name, sql: `-- fastify-neon:no-transaction\n${sql}` }])

        await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED', failure: { sqlState, fix } })
      })

    for (const done of [1, 2, 3]) {
      for (const isBegun of [false, true]) {
        t.test(
          `goes on after ${done} of its statements, ${isBegun ? 'the next one begun' : 'the next one not begun'}`,
          async t => {
            const url = await open(t)
            const folder = await interrupt(t, url, { done, isBegun })

            t.match(await statusOf(url, folder), { findings: [{ kind: 'pending' }, { kind: 'interrupted' }] })
            const { types, events } = await apply(url, folder)

            t.strictSame(types, ['resumed', 'applied'])
            t.match(events, [{ line: [4, 6, 8][done - 1] }, {}])
            t.strictSame(await stepsIn(url), [1, 2])
            t.strictSame(await indexesIn(url), ['steps_n_idx'])
          }
        )
      }
    }

    t.test('takes an index that is whole for built, when a run was ended behind it', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { done: 2, isBegun: true })
      await administer('create unique index steps_n_idx on steps (n)', url)

      t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
      t.strictSame(await stepsIn(url), [1, 2])
    })

    t.test('does not take an index for its own that was there before', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { done: 2, isBegun: false })
      await administer('create unique index steps_n_idx on steps (n)', url)

      // Also not by the run after the one that met it.
      for (const _run of ['first', 'second'])
        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATION_FAILED',
          failure: { sqlState: '42P07', line: 6 }
        })
    })

    t.test('names an index that it left invalid, and builds it again', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { done: 2, isBegun: false })
      await administer('insert into steps values (1)', url)
      await t.rejects(apply(url, folder), {
        code: 'FST_NEON_MIGRATION_FAILED',
        failure: { sqlState: '23505', remains: 'interrupted', line: 6 }
      })
      t.match(await statusOf(url, folder), { invalidIndexes: ['public.steps_n_idx'] })
      await administer('delete from steps where ctid = (select max(ctid) from steps)', url)

      const { events } = await apply(url, folder)

      t.match(events, [
        { type: 'resumed' },
        { type: 'invalid-index-dropped', index: 'public.steps_n_idx' },
        { type: 'applied' }
      ])
      t.match(await statusOf(url, folder), { invalidIndexes: [], findings: [] })
    })

    const DROP = `-- fastify-neon:no-transaction
create table dropped (n int); create index "Dropped_n" on dropped (n);${BREAKPOINT}
drop index concurrently public."Dropped_n"`

    t.test(
      'waits for the transactions of others for longer than for a lock, since it blocks nobody',
      async t => {
        const url = await open(t)
        const folder = await interrupt(t, url, { done: 2, isBegun: false })
        await administer('insert into steps values (1)', url)
        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATION_FAILED',
          failure: { sqlState: '23505' }
        })
        await administer('delete from steps where ctid = (select max(ctid) from steps)', url)
        const other = new pg.Client({ connectionString: url })
        await other.connect()
        await other.query('begin; select from steps')

        const run = apply(url, folder, { lockTimeoutMs: 1 })
        run.catch(() => {})
        const waiting =
          "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        await until(async () => (await administer(waiting, url)).length === 1)
        await untilIdleFor(50)
        await other.end()

        t.match(await run, { types: ['resumed', 'invalid-index-dropped', 'applied'] })
      }
    )

    t.test('drops an index that is still there when it goes on', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { sql: DROP, done: 1, isBegun: true })
      await administer(`update drizzle.__fastify_neon_progress set done = 2`, url)

      t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
      t.strictSame(await administer("select from pg_class where relname = 'Dropped_n'", url), [])
    })

    t.test('takes an index that is gone for dropped when it goes on', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { sql: DROP, done: 1, isBegun: true })
      await administer('update drizzle.__fastify_neon_progress set done = 2', url)
      await administer('drop index "Dropped_n"', url)

      t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
    })

    t.test('runs anything else again that may have been carried out', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction\nselect 1;${BREAKPOINT}\nvacuum pg_class`
      const folder = await interrupt(t, url, { sql, done: 1, isBegun: true })

      t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
    })

    t.test('sets again what it had set when it goes on', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction
set search_path = other;${BREAKPOINT}
create schema other;${BREAKPOINT}
create table there ()`
      const folder = await interrupt(t, url, { sql, done: 2, isBegun: false })

      await apply(url, folder)

      t.strictSame(await administer("select schemaname from pg_tables where tablename = 'there'", url), [
        { schemaname: 'other' }
      ])
    })

    t.test('that was ended behind its last statement is written down', async t => {
      const url = await open(t)
      const sql = `-- fastify-neon:no-transaction\ncreate table once ()`
      const folder = await interrupt(t, url, { sql: `${sql};${BREAKPOINT}`, done: 1, isBegun: false })

      t.match(await apply(url, folder), { events: [{ type: 'resumed', line: 2 }, { type: 'applied' }] })
      t.match(await statusOf(url, folder), { findings: [] })
    })

    for (const done of [0, 1])
      t.test(`goes on when the statement that failed is corrected, ${done} done before it`, async t => {
        const url = await open(t)
        await administer('create table t (x int)', url)
        const before = ['-- fastify-neon:no-transaction', 'create table made ();']
          .slice(0, done + 1)
          .join('\n')
        const name = '0000_t'
        const folder = makeFolder(t, [{ name, sql: `${before}\ncreate index concurrently i on t (wrong)` }])
        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATION_FAILED',
          failure: { sqlState: '42703', remains: 'interrupted' }
        })

        // The words and line ends of what is done may change too.
        const corrected = `-- why\n${before}\ncreate index concurrently i on t (x)`.replaceAll('\n', '\r\n')
        writeFileSync(sqlPath(folder, name), corrected)

        t.match(await apply(url, folder), { types: [done === 0 ? 'started' : 'resumed', 'applied'] })
        t.match(await statusOf(url, folder), { findings: [], invalidIndexes: [] })
        t.strictSame(await administer('select * from drizzle.__fastify_neon_progress', url), [])
      })

    const EDITED: [title: string, isBegun: boolean, from: string, to: string][] = [
      ['what is done was changed', false, '(n int)', '(n bigint)'],
      ['what is begun was changed', true, 'values (1)', 'values (3)']
    ]
    for (const [title, isBegun, from, to] of EDITED)
      t.test(`is refused when ${title}, until the file is restored`, async t => {
        const url = await open(t)
        const folder = makeFolder(t, [{ name: '0000_build', sql: BUILD.replace('(1)', '(1 / 0)') }])
        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATION_FAILED',
          failure: { sqlState: '22012' }
        })
        writeFileSync(sqlPath(folder, '0000_build'), BUILD)
        if (isBegun) {
          const texts = ['create table steps (n int)', 'insert into steps values (1)']
          const hash = createHash('sha256').update(JSON.stringify(texts)).digest('hex')
          await administer(
            `update drizzle.__fastify_neon_progress set done_hash = '${hash}', is_begun = true`,
            url
          )
        }
        writeFileSync(sqlPath(folder, '0000_build'), BUILD.replace(from, to))

        await t.rejects(apply(url, folder), {
          code: 'FST_NEON_MIGRATIONS_REFUSED',
          findings: [
            { kind: 'edited', migration: '0000_build', message: `first ${isBegun ? 2 : 1} statements` }
          ]
        })
        writeFileSync(sqlPath(folder, '0000_build'), BUILD)
        t.match(await apply(url, folder), { types: ['resumed', 'applied'] })
      })

    t.test('that is not SQL any more is not called edited as well', async t => {
      const url = await open(t)
      const folder = await interrupt(t, url, { done: 1, isBegun: false })
      writeFileSync(sqlPath(folder, '0000_build'), 'create table (')

      const { findings } = await statusOf(url, folder)

      t.strictSame(
        findings.map(({ kind }) => kind),
        ['half-written', 'pending', 'interrupted']
      )
    })
  })
})
