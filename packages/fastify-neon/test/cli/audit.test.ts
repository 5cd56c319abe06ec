import t from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import { audit } from '../../src/cli/audit/audit-command.ts'
import { createRole, PASSWORD, urlAs } from '../rls-audit/audits.ts'
import { captured } from './captured.ts'

const captive = captured(audit)
const run = (env: Record<string, string>, ...args: string[]) =>
  captive(env, '--default-role', 'app_user', ...args)

t.test('fastify-neon audit', async t => {
  t.test('says of a restricted login that nothing is wrong', async t => {
    const login = await createRole(t, `login password '${PASSWORD}' in role app_user`)
    const DATABASE_URL = urlAs(login, await createDatabase(t))

    const { code, text } = await run({ DATABASE_URL })

    t.equal(code, 0)
    t.equal(
      text,
      `role in effect  app_user
login           ${login}

table                    owner  RLS  FORCE  policies  index  app_user may
public.idempotency_keys  yes    yes  yes    5         yes    SELECT, INSERT, UPDATE
public.tasks             yes    yes  yes    4         yes    SELECT, INSERT, UPDATE, DELETE

0 errors, 0 warnings
`
    )
  })

  t.test('names a warning, and is content with it', async t => {
    const DATABASE_URL = await createDatabase(t)

    t.match(await run({ DATABASE_URL }), {
      code: 0,
      text: /\nwarning login-bypass: neondb_owner: .*\n {8}log in as a role created by SQL: .*\n0 errors, 1 warning\n$/
    })
  })

  t.test('exits with 30 when one user could reach the rows of another', async t => {
    const DATABASE_URL = await createDatabase(t)
    await administer('create table notes (); alter table tasks no force row level security', DATABASE_URL)

    const { code, text } = await run({ DATABASE_URL })

    t.equal(code, 30)
    t.match(text, /\npublic\.notes +no +no +no +0 +no +nothing\n/)
    t.match(text, /\nerror {3}no-force: public\.tasks: .*\n {8}by hand in the migration: /)
    t.match(text, /\n4 errors, 1 warning\n$/)
  })

  t.test('takes the role from DATABASE_ROLE, and before it from --role', async t => {
    const DATABASE_URL = await createDatabase(t)
    const roleOf = async (env: Record<string, string>, ...args: string[]) =>
      /role in effect +(\w+)/.exec((await run({ DATABASE_URL, ...env }, ...args)).text)?.[1]

    t.equal(await roleOf({ DATABASE_ROLE: '' }), 'app_user')
    t.equal(await roleOf({ DATABASE_ROLE: 'app_janitor' }), 'app_janitor')
    t.equal(await roleOf({ DATABASE_ROLE: 'none' }), 'neondb_owner')
    t.equal(await roleOf({ DATABASE_ROLE: 'none' }, '--role', 'app_user'), 'app_user')
    t.equal(await roleOf({}, '--role', 'none'), 'neondb_owner')
  })

  t.test('answers in JSON, for other schemas, shared tables and another owner column', async t => {
    const DATABASE_URL = await createDatabase(t)
    await administer(
      'create schema crm; create table crm.notes (tenant text); create table crm.a (); create table crm.b ()',
      DATABASE_URL
    )
    const flags = ['--schema', 'crm', '--shared', 'a', '--shared', 'crm.b', '--owner-column', 'tenant']

    const { code, text } = await run({ DATABASE_URL }, '--json', ...flags)

    t.equal(code, 30)
    t.match(JSON.parse(text), {
      login: 'neondb_owner',
      role: 'app_user',
      ownerColumn: 'tenant',
      tables: [{ name: 'crm.notes', hasOwner: true, hasRls: false, privileges: [] }],
      findings: [
        { severity: 'warning', code: 'login-bypass' },
        {
          severity: 'error',
          code: 'no-rls',
          object: 'crm.notes',
          message: /enabled$/,
          fix: /pgPolicy/
        },
        { code: 'no-force' },
        { code: 'no-owner-index' }
      ],
      exitCode: 30
    })
  })

  t.test('that is asked wrongly, or has no database, says so', async t => {
    const url = 'postgresql://me:s3cr3t@127.0.0.1:1/neondb'

    t.match(await run({}, '--none'), { code: 2, text: /npx fastify-neon audit \[options]/ })
    t.match(await run({}, '--help'), { code: 0, text: /^npx fastify-neon audit/ })
    t.match(await run({}), { code: 1, text: /^DATABASE_URL / })
    t.match(await run({ DATABASE_URL: url }), {
      code: 1,
      text: /^nothing listens at 127.0.0.1:1 \(ECONNREFUSED\). Check host/
    })
  })
})
