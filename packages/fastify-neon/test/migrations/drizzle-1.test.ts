/**
 * Drizzle 0.45, Drizzle 1.0 and these commands on one database, before and after the folder became one of 1.0.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drizzle as drizzle0 } from 'drizzle-orm/node-postgres'
import { migrate as migrate0 } from 'drizzle-orm/node-postgres/migrator'
import { drizzle as drizzle1 } from 'drizzle-orm-1/node-postgres'
import { migrate as migrate1 } from 'drizzle-orm-1/node-postgres/migrator'
import pg from 'pg'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { markApplied, repairMigrations } from '../../src/migrations/migrations.ts'
import { apply, makeFolder, statusOf, tablesIn, timeOf, toFolders, writeFolder } from './folders.ts'

const LEDGER = 'drizzle.__drizzle_migrations'
const LINES = { 0: [drizzle0, migrate0], 1: [drizzle1, migrate1] } as const

const A = { name: '0000_a', sql: 'create table a ()', when: timeOf(0) + 123 }
const B = { name: '0001_b', sql: 'create table b ()', when: timeOf(1) + 456 }
const C = '20260101000200_c'
const D = '20260101000300_d'

/** By the code of this line's own `drizzle-kit migrate`. */
async function migrateBy(line: 0 | 1, url: string, migrationsFolder: string, config: object = {}) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    if (line === 0) await LINES[0][1](LINES[0][0]({ client }), { migrationsFolder, ...config })
    else await LINES[1][1](LINES[1][0]({ client }), { migrationsFolder, ...config })
  } finally {
    await client.end()
  }
}

function write(folder: string, name: string, sql: string) {
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, 'migration.sql'), sql)
}

const rowsIn = (url: string, ledger = LEDGER) => administer(`select * from ${ledger} order by id`, url)
const columnsIn = (url: string) =>
  administer(
    `select column_name, data_type, is_nullable, column_default from information_schema.columns
       where table_schema = 'drizzle' and table_name = '__drizzle_migrations' order by ordinal_position`,
    url
  )
const open = (t: Test) => createDatabase(t, { migrated: false })

t.test('a database that Drizzle 0.45 has migrated', async t => {
  t.test('goes on with 1.0 by these commands, and Drizzle 1.0 agrees', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A, B])
    await migrateBy(0, url, folder)
    await toFolders(folder)

    t.match(await statusOf(url, folder), { applied: { length: 2 }, pending: [], findings: [] })
    write(folder, C, 'create table c ()')
    t.match(await apply(url, folder), { applied: [C], findings: [] })
    const rows = await rowsIn(url)
    await migrateBy(1, url, folder)

    t.strictSame(await rowsIn(url), rows)
    t.match(rows, [
      { name: '20260101000000_a', created_at: `${A.when}`, applied_at: null },
      { name: '20260101000100_b', created_at: `${B.when}`, applied_at: null },
      { name: C, created_at: `${timeOf(2)}`, applied_at: Date }
    ])
    t.strictSame(await tablesIn(url), ['a', 'b', 'c'])
  })

  t.test('goes on with 1.0 by Drizzle itself, and these commands agree', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A, B])
    await apply(url, folder)
    await migrateBy(0, url, folder)
    await toFolders(folder)
    write(folder, C, 'create table c ()')

    await migrateBy(1, url, folder)

    t.match(await statusOf(url, folder), { applied: { length: 3 }, pending: [], findings: [] })
    t.match(await apply(url, folder), { applied: [] })
    write(folder, D, 'create table d ()')
    t.match(await apply(url, folder), { applied: [D] })
    const rows = await rowsIn(url)
    await migrateBy(1, url, folder)
    t.strictSame(await rowsIn(url), rows)
    t.strictSame(await tablesIn(url), ['a', 'b', 'c', 'd'])
  })

  t.test('has the same ledger whoever upgrades it, also where nothing is pending', async t => {
    const folder = makeFolder(t, [A, B])
    const [own, drizzles] = [await open(t), await open(t)]
    await migrateBy(0, own, folder)
    await migrateBy(0, drizzles, folder)
    await toFolders(folder)

    t.match(await apply(own, folder), { applied: [] })
    await migrateBy(1, drizzles, folder)

    t.strictSame(await rowsIn(own), await rowsIn(drizzles))
    t.strictSame(await columnsIn(own), await columnsIn(drizzles))
  })

  t.test('is upgraded by db:mark-applied too, in a ledger of another name', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A])
    const ledger = { schema: 'My"History', table: 'of it' }
    const config = { migrationsSchema: ledger.schema, migrationsTable: ledger.table }
    await migrateBy(0, url, folder, config)
    await toFolders(folder)
    write(folder, C, 'create table c ()')
    await administer('create table c ()', url)

    t.match(await markApplied({ url, folder, ledger, names: [C] }), { written: [C], problems: [] })
    const rows = await rowsIn(url, '"My""History"."of it"')
    await migrateBy(1, url, folder, config)

    t.strictSame(await rowsIn(url, '"My""History"."of it"'), rows)
    t.match(rows, [{ name: '20260101000000_a' }, { name: C }])
  })

  t.test('is not touched while it has a row that no file explains, as by Drizzle', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A, B])
    await migrateBy(0, url, folder)
    await toFolders(folder)
    rmSync(join(folder, '20260101000000_a'), { recursive: true })
    const rows = await rowsIn(url)

    await t.rejects(migrateBy(1, url, folder), /do not match any local migration/)
    t.match(await apply(url, folder), { applied: [], findings: [{ kind: 'unmatched' }] })
    write(folder, C, 'create table c ()')
    await t.rejects(apply(url, folder, { applyLate: true }), {
      code: 'FST_NEON_MIGRATIONS_REFUSED',
      findings: [{ kind: 'unmatched', migration: C }]
    })
    t.match(await markApplied({ url, folder, names: [C] }), {
      problems: [/^the ledger is one of Drizzle 0\.x, and 1 of its rows .*: restore the folders/],
      written: []
    })
    t.strictSame(await rowsIn(url), rows)

    t.match(await repairMigrations({ url, folder, forgetUnknown: true }), {
      steps: [/ is taken out$/],
      problems: []
    })
    t.match(await apply(url, folder), { applied: [C] })
    await migrateBy(1, url, folder)
    t.strictSame(await tablesIn(url), ['a', 'b', 'c'])
  })

  t.test('applies nothing twice when 0.45 has written to it since, once that is repaired', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A])
    const old = writeFolder(join(folder, '../old'), [A, B])
    await migrateBy(0, url, folder)
    await toFolders(folder)
    await migrateBy(1, url, folder)
    await migrateBy(0, url, old)
    write(folder, '20260101000100_b', B.sql)

    t.match(await statusOf(url, folder), { pending: [], findings: [{ kind: 'restamped', migration: /_b$/ }] })
    t.match(await repairMigrations({ url, folder }), {
      steps: ['ledger: 20260101000100_b was 2026-01-01T00:01:00.456Z, and is 20260101000100_b'],
      problems: []
    })
    const rows = await rowsIn(url)
    await migrateBy(1, url, folder)
    t.strictSame(await rowsIn(url), rows)
    t.match(await statusOf(url, folder), { findings: [] })
  })

  t.test('goes on with 0.x by these commands in a ledger of 1.0', async t => {
    const url = await open(t)
    const folder = makeFolder(t, [A])
    const old = writeFolder(join(folder, '../old'), [A, B])
    await apply(url, folder)
    await toFolders(folder)
    await migrateBy(1, url, folder)

    t.match(await apply(url, old), { applied: ['0001_b'], findings: [] })
    t.match(await rowsIn(url), [{}, { name: null, created_at: `${B.when}` }])
  })
})

for (const line of [0, 1] as const)
  t.test(
    `a ledger that these commands made has what Drizzle ${line === 0 ? '0.45' : '1.0'} writes`,
    async t => {
      const folder = makeFolder(t, [A, B])
      const [own, drizzles] = [await open(t), await open(t)]
      if (line === 1) await toFolders(folder)

      await apply(own, folder)
      await migrateBy(line, drizzles, folder)

      const values = ({ applied_at, ...row }: Record<string, unknown>) => ({
        ...row,
        isDated: applied_at instanceof Date
      })
      t.strictSame((await rowsIn(own)).map(values), (await rowsIn(drizzles)).map(values))
      t.strictSame(await columnsIn(own), await columnsIn(drizzles))
    }
  )

t.test('a migration without a transaction', async t => {
  const sql =
    '-- fastify-neon:no-transaction\ncreate table b (y int);\ninsert into b values (1);\nselect ready()'
  const ready = 'create function ready() returns int return 1'

  t.test(
    'that stopped before the folder became one of 1.0 goes on behind it, once that is repaired',
    async t => {
      const url = await open(t)
      const folder = makeFolder(t, [A, { ...B, sql }])
      await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED' })
      await toFolders(folder)
      const file = join(folder, '20260101000100_b/migration.sql')
      writeFileSync(file, readFileSync(file, 'utf8').replace('ready()', '1'))

      await t.rejects(apply(url, folder), {
        code: 'FST_NEON_MIGRATIONS_REFUSED',
        findings: [{ kind: 'restamped' }]
      })
      t.match(await repairMigrations({ url, folder }), {
        steps: ['progress: 20260101000100_b was 2026-01-01T00:01:00.456Z, and is 20260101000100_b'],
        problems: []
      })
      t.match(await apply(url, folder), { applied: ['20260101000100_b'] })
      t.strictSame(await administer('select y from b', url), [{ y: 1 }])
    }
  )

  t.test(
    'goes on where it stopped beside another of its second, also from a table of an earlier version',
    async t => {
      const url = await open(t)
      const folder = t.testdir({})
      write(folder, '20260101000100_a', sql.replaceAll(/\bb\b/g, 'a'))
      await administer(
        `create schema drizzle; create table drizzle.__fastify_neon_progress (created_at bigint PRIMARY KEY,
         hash text NOT NULL, done integer NOT NULL, is_begun boolean NOT NULL);
       insert into drizzle.__fastify_neon_progress values (1, 'of another', 1, false)`,
        url
      )
      await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED' })
      rmSync(join(folder, '20260101000100_a'), { recursive: true })
      write(folder, '20260101000100_b', sql)
      await t.rejects(apply(url, folder), { code: 'FST_NEON_MIGRATION_FAILED' })
      write(folder, '20260101000100_a', sql.replaceAll(/\bb\b/g, 'a'))

      await administer(ready, url)
      t.match(await apply(url, folder), { applied: ['20260101000100_a', '20260101000100_b'] })
      t.strictSame(await administer('select x.y from a join b x on true', url), [{ y: 1 }])
      t.match(await administer('select created_at from drizzle.__fastify_neon_progress', url), [
        { created_at: '1' }
      ])
    }
  )
})

t.test('db:repair, with folders of Drizzle 1.0,', async t => {
  const NAME = '20260101000000_a'
  const applied = async (t: Test) => {
    const url = await open(t)
    const folder = makeFolder(t, [A])
    await toFolders(folder)
    await apply(url, folder)
    return { url, folder, repaired: (options: object = {}) => repairMigrations({ url, folder, ...options }) }
  }

  t.test('does not do without a file', async t => {
    const { folder, repaired } = await applied(t)
    writeFileSync(join(folder, NAME, 'snapshot.json'), '{}')
    rmSync(join(folder, NAME, 'migration.sql'))

    t.match(await repaired(), {
      steps: [],
      problems: [/^20260101000000_a has no file: restore .* HEAD -- \S+20260101000000_a\/migration\.sql;/]
    })
  })

  t.test('does not take out a row of another text, unless it is told to', async t => {
    const { url, repaired } = await applied(t)
    await administer(`insert into ${LEDGER} (hash, created_at, name) values ('another', 1, '${NAME}')`, url)

    t.match(await repaired(), { steps: [], problems: [/^a row of the name of 20260101000000_a stays/] })
    t.match(await repaired({ forgetUnknown: true }), { steps: [/^ledger: one of 2 rows/], problems: [] })
    t.equal((await rowsIn(url)).length, 1)
  })

  t.test('does not give a new name to a row that may be of another folder', async t => {
    const { url, repaired } = await applied(t)
    await administer(
      `update ${LEDGER} set name = 'before'; insert into ${LEDGER} (hash, created_at, name) values ('x', 1, 'other')`,
      url
    )

    t.match(await repaired(), { steps: [], problems: [/^the row of 20260101000000_a keeps its name, /] })
    t.match(await repaired({ forgetUnknown: true }), {
      steps: [`ledger: ${NAME} was before, and is ${NAME}`, /^ledger: the row of other, which no file/],
      problems: []
    })
    t.match(await rowsIn(url), [{ name: NAME, created_at: `${timeOf(0)}` }])
  })

  t.test('does not forget a row whose file has lost its folder', async t => {
    const { url, folder, repaired } = await applied(t)
    write(folder, C, 'create table c ()')
    await apply(url, folder)
    renameSync(join(folder, C, 'migration.sql'), join(folder, '0002_c.sql'))
    rmSync(join(folder, C), { recursive: true })

    t.match(await repaired({ forgetUnknown: true }), {
      steps: [],
      problems: ['0002_c.sql is applied, and is in no folder of its own: restore its folder first']
    })
  })
})
