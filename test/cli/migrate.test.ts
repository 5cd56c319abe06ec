import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { administer, createDatabase } from '../postgres.ts'
import { ROOT, runProgram } from '../processes.ts'

async function migrate(t: Test, env: Record<string, string>) {
  // Elsewhere, so that no .env of the project is read.
  const { ended, output } = runProgram(t, 'src/cli/migrate.ts', { env, cwd: tmpdir() })
  return { code: await ended, text: output() }
}

const tablesIn = async (url: string) =>
  (await administer("select tablename from pg_tables where schemaname = 'public' order by 1", url)).map(
    ({ tablename }) => tablename
  )

t.test('db:migrate', async t => {
  t.test('applies what is pending and names it, and then has nothing to do', async t => {
    const url = await createDatabase(t, { migrated: false })

    const first = await migrate(t, { DATABASE_URL: url })
    const second = await migrate(t, { DATABASE_URL: url })

    t.strictSame(first, { code: 0, text: 'applied 0000_tasks\napplied 0001_idempotency-keys\n2 applied\n' })
    t.strictSame(second, { code: 0, text: 'nothing to do: all 2 are applied\n' })
    t.strictSame(await tablesIn(url), ['idempotency_keys', 'tasks'])
  })

  t.test('has nothing to do after drizzle-kit, and the other way round', async t => {
    const url = await createDatabase(t, { migrated: false })
    // Without tap's coverage: drizzle-kit turns TypeScript into JavaScript in its own way.
    const kit = () =>
      promisify(execFile)('env', ['-u', 'NODE_OPTIONS', 'npx', 'drizzle-kit', 'migrate'], {
        cwd: ROOT,
        env: { ...process.env, DATABASE_URL: url }
      })

    await kit()
    t.strictSame(await tablesIn(url), ['idempotency_keys', 'tasks'])
    t.match(await migrate(t, { DATABASE_URL: url }), { code: 0, text: /nothing to do/ })
    await kit()

    t.equal((await administer('select * from drizzle.__drizzle_migrations', url)).length, 2)
  })

  t.test('lets one of many at once do the work', async t => {
    const url = await createDatabase(t, { migrated: false })

    const runs = await Promise.all([1, 2, 3].map(() => migrate(t, { DATABASE_URL: url })))

    t.strictSame(
      runs.map(({ code }) => code),
      [0, 0, 0]
    )
    t.equal(runs.filter(({ text }) => text.includes('applied 0000_tasks')).length, 1)
    t.equal((await administer('select * from drizzle.__drizzle_migrations', url)).length, 2)
  })

  t.test('reads the .env beside it', async t => {
    const url = await createDatabase(t)
    const cwd = t.testdir({ '.env': `DATABASE_URL=${url}\n` })

    const { ended, output } = runProgram(t, 'src/cli/migrate.ts', { cwd })

    t.equal(await ended, 0)
    t.match(output(), /nothing to do/)
  })

  t.test('prefers the direct connection string', async t => {
    const url = await createDatabase(t, { migrated: false })

    const { code } = await migrate(t, {
      DATABASE_URL: 'postgresql://nobody:x@127.0.0.1:1/none',
      DATABASE_URL_UNPOOLED: url
    })

    t.equal(code, 0)
  })

  t.test('says in the words of the server why a migration failed', async t => {
    const url = await createDatabase(t, { migrated: false })
    await administer('create table tasks ()', url)

    const { code, text } = await migrate(t, { DATABASE_URL: url })

    t.equal(code, 1)
    t.equal(text, 'migrations not applied: relation "tasks" already exists (SQLSTATE 42P07)\n')
  })

  t.test('says what is wrong with its settings, or that there is no database', async t => {
    const missing = await migrate(t, {})
    const noTls = await migrate(t, {
      DATABASE_URL: 'postgresql://me:s3cr3t-word@ep-x.us-east-2.aws.neon.tech/neondb'
    })
    const closed = await migrate(t, { DATABASE_URL: 'postgresql://me:s3cr3t-word@127.0.0.1:1/neondb' })

    t.match(missing, { code: 1, text: /^migrations not applied: DATABASE_URL / })
    t.match(noTls, { code: 1, text: /sslmode/ })
    t.match(closed, { code: 1, text: /^migrations not applied: the database cannot be reached/ })
    t.notMatch(noTls.text + closed.text, 's3cr3t-word')
  })
})
