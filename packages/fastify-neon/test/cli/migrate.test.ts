import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { ROOT, runProgram } from '../../../../test/support/processes.ts'
import { migrate } from '../../src/cli/migrate-command.ts'
import { makeFolder, migrateAsDrizzleKit, tablesIn, writeFolder } from '../migrations/folders.ts'
import { captured } from './captured.ts'

const run = captured(migrate)

const PROGRAM = 'packages/fastify-neon/src/cli/main.ts'
const FOLDER = join(ROOT, 'drizzle')
const MIGRATIONS = readdirSync(FOLDER)
  .filter(file => file.endsWith('.sql'))
  .map(file => file.replace('.sql', ''))
  .sort()

async function runProcess(t: Test, env: Record<string, string>) {
  // Elsewhere, so that no .env of the project is read.
  const { ended, output } = runProgram(t, PROGRAM, {
    env,
    args: ['migrate', '--folder', FOLDER],
    cwd: tmpdir()
  })
  return { code: await ended, text: output() }
}

t.test('fastify-neon migrate', async t => {
  t.test('applies what is pending and names it, and then has nothing to do', async t => {
    const url = await createDatabase(t, { migrated: false })

    const first = await run({ DATABASE_URL: url })
    const second = await run({ DATABASE_URL: url })

    const told = MIGRATIONS.map(name => `applying ${name}\napplied ${name} in N ms\n`).join('')
    t.equal(first.code, 0)
    t.equal(first.text.replace(/\d+ ms/g, 'N ms'), `${told}${MIGRATIONS.length} applied\n`)
    t.strictSame(second, { code: 0, text: `nothing to do: all ${MIGRATIONS.length} are applied\n` })
    t.strictSame(await tablesIn(url), ['idempotency_keys', 'tasks'])
  })

  t.test('has nothing to do after drizzle-kit, and the other way round', async t => {
    const url = await createDatabase(t, { migrated: false })

    await migrateAsDrizzleKit(url, FOLDER)
    t.strictSame(await tablesIn(url), ['idempotency_keys', 'tasks'])
    t.match(await run({ DATABASE_URL: url }), { code: 0, text: /nothing to do/ })
    await migrateAsDrizzleKit(url, FOLDER)

    t.equal((await administer('select * from drizzle.__drizzle_migrations', url)).length, MIGRATIONS.length)
  })

  t.test('reads the .env beside it', async t => {
    const url = await createDatabase(t)
    const cwd = t.testdir({ '.env': `DATABASE_URL=${url}\n` })

    const { ended, output } = runProgram(t, PROGRAM, { args: ['migrate', '--folder', FOLDER], cwd })

    t.equal(await ended, 0)
    t.match(output(), /nothing to do/)
  })

  t.test('prefers the direct connection string', async t => {
    const url = await createDatabase(t, { migrated: false })

    const { code } = await run({
      DATABASE_URL: 'postgresql://nobody:x@127.0.0.1:1/none',
      DATABASE_URL_UNPOOLED: url
    })

    t.equal(code, 0)
  })

  t.test('says in the words of the server why a migration failed, and where', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [
      { name: '0000_a', sql: 'create table a ()' },
      { name: '0001_b', sql: "-- second\nselect 'ü';\nselect\n  upper_('x')" }
    ])

    const { code, text } = await run({ DATABASE_URL: url }, '--folder', folder)

    t.equal(code, 1)
    t.match(text, /^applied 0000_a/m)
    t.match(text, /^migration 0001_b failed: function upper_\(unknown\) does not exist \(SQLSTATE 42883\)$/m)
    t.match(
      text,
      /0001_b\.sql:4\n {4}upper_\('x'\)\n {2}hint: .*\n {2}nothing of it is there; fix it, and run again\n$/
    )
  })

  t.test('says that one failed at COMMIT', async t => {
    const url = await createDatabase(t, { migrated: false })
    const sql =
      'create table a (i int primary key, j int references a deferrable initially deferred); insert into a values (1, 2)'

    const { code, text } = await run(
      { DATABASE_URL: url },
      '--folder',
      makeFolder(t, [{ name: '0000_a', sql }])
    )

    t.equal(code, 1)
    t.match(text, /0000_a\.sql, at COMMIT\n {2}nothing of it is there/)
  })

  t.test('prints what is pending, and applies nothing', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'create table a ();\n' }])

    const plan = await run({ DATABASE_URL: url }, '--dry-run', '--folder', folder)
    const json = await run({ DATABASE_URL: url }, '--dry-run', '--json', '--folder', folder)
    t.strictSame(await tablesIn(url), [])
    await run({ DATABASE_URL: url }, '--folder', folder)
    const nothing = await run({ DATABASE_URL: url }, '--dry-run', '--folder', folder)

    t.strictSame(plan, { code: 0, text: '-- 0000_a\ncreate table a ();\n\n' })
    t.strictSame(JSON.parse(json.text), {
      pending: [{ migration: '0000_a', sql: 'create table a ();' }],
      findings: [],
      exitCode: 0
    })
    t.strictSame(nothing, { code: 0, text: 'nothing is pending\n' })
  })

  t.test('refuses what is wrong, with the code of the finding, and tells of what is applied', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'select 1' }])
    await run({ DATABASE_URL: url }, '--folder', folder)
    writeFolder(folder, [
      { name: '0000_a', sql: 'select 2' },
      { name: '0001_b', sql: 'select (' }
    ])

    const refused = await run({ DATABASE_URL: url }, '--folder', folder)
    const json = await run({ DATABASE_URL: url }, '--json', '--folder', folder)
    const plan = await run({ DATABASE_URL: url }, '--dry-run', '--folder', folder)
    writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'select 3' }])
    const fixed = await run({ DATABASE_URL: url }, '--folder', folder)

    t.equal(refused.code, 10)
    t.match(
      refused.text,
      /^migrations not applied, because of what is pending:\nhalf-written +0001_b, line 1: .*\n +write the file/
    )
    t.match(JSON.parse(json.text), { applied: [], findings: [{ kind: 'half-written' }], exitCode: 10 })
    t.match(plan, { code: 10, text: /^-- 0001_b\n[\s\S]*half-written/ })
    t.match(fixed, { code: 0, text: /1 applied\n[\s\S]*edited +0000_a: / })
  })

  t.test('answers in JSON, also when it fails', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [
      { name: '0000_a', sql: 'select 1' },
      { name: '0001_b', sql: 'select 1 / 0' }
    ])

    const failed = await run({ DATABASE_URL: url }, '--json', '--folder', folder)
    writeFolder(folder, [{ name: '0000_a' }, { name: '0001_b', sql: 'select 2' }])
    const fine = await run({ DATABASE_URL: url }, '--json', '--folder', folder)

    t.match(JSON.parse(failed.text), {
      applied: [{ migration: '0000_a' }],
      error: '0001_b: division by zero',
      failure: { migration: '0001_b', line: 1, sqlState: '22012', remains: 'rolled-back' },
      exitCode: 1
    })
    t.match(JSON.parse(fine.text), {
      applied: [{ migration: '0001_b' }],
      total: 2,
      findings: [],
      exitCode: 0
    })
  })

  t.test('says in the words of the server why the ledger cannot be used', async t => {
    const url = await createDatabase(t, { migrated: false })
    await administer('create schema drizzle; create table drizzle.__drizzle_migrations ()', url)

    t.strictSame(await run({ DATABASE_URL: url }), {
      code: 1,
      text: 'migrations not applied: column "id" does not exist (SQLSTATE 42703)\n'
    })
  })

  t.test('takes limits, and another ledger', async t => {
    const url = await createDatabase(t, { migrated: false })
    const folder = makeFolder(t, [{ name: '0000_a', sql: 'select pg_sleep(60)' }])
    const limited = (...args: string[]) => run({ DATABASE_URL: url }, '--folder', folder, ...args)

    t.match(await limited('--statement-timeout-ms', '50'), { code: 1, text: /57014/ })
    writeFolder(folder, [{ name: '0000_a', sql: 'select 1' }])
    t.match(await limited('--ledger', 'public.history'), { code: 0 })
    t.equal((await administer('select * from public.history', url)).length, 1)
  })

  t.test('that is asked wrongly says how it is asked', async t => {
    const url = 'postgresql://me:local@127.0.0.1:1/neondb'
    for (const args of [
      ['--none'],
      ['--lock-wait-ms', 'long'],
      ['--lock-wait-ms', '9999999999'],
      ['--ledger', 'history']
    ]) {
      t.match(await run({ DATABASE_URL: url }, ...args), {
        code: 2,
        text: /npx fastify-neon migrate \[options]/
      })
    }
    t.match(await run({}, '--help'), { code: 0, text: /^npx fastify-neon migrate \[options]/ })
  })

  t.test('says what is wrong with its settings, or that there is no database', async t => {
    const missing = await runProcess(t, {})
    const noTls = await run({
      DATABASE_URL: 'postgresql://me:s3cr3t-word@ep-x.us-east-2.aws.neon.tech/neondb'
    })
    const pooled = await run({
      DATABASE_URL_UNPOOLED:
        'postgresql://me:s3cr3t-word@ep-x-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require'
    })
    const closed = await run({ DATABASE_URL: 'postgresql://me:s3cr3t-word@127.0.0.1:1/neondb' })
    const json = await run({ DATABASE_URL: 'postgresql://me:s3cr3t-word@127.0.0.1:1/neondb' }, '--json')

    t.match(missing, { code: 1, text: /^migrations not applied: DATABASE_URL / })
    t.match(noTls, { code: 1, text: /sslmode/ })
    t.match(pooled, { code: 1, text: 'postgresql://me:***@ep-x.us-east-2.aws.neon.tech/neondb' })
    t.match(closed, {
      code: 1,
      text: /^migrations not applied: nothing listens at 127.0.0.1:1 \(ECONNREFUSED\)/
    })
    t.match(JSON.parse(json.text), { applied: [], error: /ECONNREFUSED/, exitCode: 1 })
    t.notMatch(noTls.text + pooled.text + closed.text + json.text, 's3cr3t-word')
  })
})
