import { join } from 'node:path'
import t from 'tap'
import { migrate } from '../../dev/migrations.ts'
import { makeFolder, writeFolder } from '../../packages/fastify-neon/test/migrations/folders.ts'
import { createDatabase } from '../support/postgres.ts'

t.test('the migrations of npm run dev', async t => {
  t.test('are applied with a line for each, and without one when there is nothing to do', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [
      { name: '0000_a', sql: 'create table a ()' },
      { name: '0001_b', sql: 'create table b ()' }
    ])

    t.strictSame(await migrate(url, folder), ['applied    0000_a', 'applied    0001_b'])
    t.strictSame(await migrate(url, folder), [])
  })

  t.test('say where one is wrong, and are applied when it is mended', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [
      { name: '0000_a', sql: 'create table a (name text)' },
      { name: '0001_b', sql: "select 1;\nselect upper_('x')" }
    ])

    const [applied, failed, hint, fix, ...others] = await migrate(url, folder)
    writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'create table a ()' }])
    const again = await migrate(url, folder)
    writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'create table b ()' }])

    t.equal(applied, 'applied    0000_a')
    t.match(failed, /^failed {5}0001_b: function upper_\(unknown\) does not exist, in .*0001_b\.sql:2$/)
    t.match(hint, /^ {11}\w/)
    t.equal(fix, '           fix it and save: it is applied then')
    t.strictSame(others, [])
    t.match(again, [/^failed {5}0001_b: relation "a" already exists, in /, /npx fastify-neon status/])
    t.strictSame(await migrate(url, folder), ['applied    0001_b'])
  })

  t.test('say that one failed at COMMIT', async t => {
    const url = await createDatabase(t, { migrated: false })
    const sql =
      'create table a (i int primary key, j int references a deferrable initially deferred); insert into a values (1, 2)'

    const [failed] = await migrate(url, makeFolder(t, [{ name: '0000_a', sql }]))

    t.match(failed, /in .*0000_a\.sql$/)
  })

  t.test('say what is wrong with one that is pending, or was changed when it had been applied', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'select 1' }])
    await migrate(url, folder)
    writeFolder(folder, [{ name: '0000_a', sql: 'select 2' }])
    const edited = await migrate(url, folder)
    writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'select (' }])

    t.match(edited, [/^edited {5}0000_a: /, /^ {11}restore the file/])
    t.match(await migrate(url, folder), [/^half-written 0001_b: /, /^ {11}write the file/])
  })

  t.test('say that there is no database or no folder', async t => {
    const url = 'postgresql://me:s3cr3t-word@127.0.0.1:1/neondb'

    const lines = await migrate(url, join(t.testdir({}), 'none'))
    const unreached = await migrate(url, makeFolder(t, [{ name: '0000_a', sql: 'select 1' }]))

    t.match(lines, [/^failed {5}migrations: /])
    t.match(unreached, [/^failed {5}migrations: .*127\.0\.0\.1:1/])
    t.notMatch([...lines, ...unreached].join(), 's3cr3t-word')
  })
})
