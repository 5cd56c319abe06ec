import t, { type Test } from 'tap'
import { administer, createDatabase } from '../../../../test/support/postgres.ts'
import type { IsolationOptions } from '../../src/rls-audit/audit.ts'
import { createRole, NOTES, PASSWORD, read, urlAs } from './audits.ts'

/** What is found of roles, as they are in this function of the test's own roles. */
async function foundOfRoles(t: Test, make: (name: string) => Promise<IsolationOptions>) {
  const name = await createRole(t)
  const options = await make(name)
  const url = await createDatabase(t)
  const { findings } = await read(url, { role: name, ...options })
  return findings.map(({ code, object, message }) =>
    `${code} ${object}: ${message}`.replaceAll(name, 'ROLE').replaceAll(/test_\w+/g, 'OTHER')
  )
}

const OWNER_BYPASSES =
  'login-bypass neondb_owner: policies do not apply to it when it does not switch to ROLE'
const grantToMe = (name: string) => administer(`grant ${name} to neondb_owner with set true, inherit false`)

t.test('the audit of roles finds', async t => {
  t.test('nothing but the login that could switch back, of one made by SQL', async t => {
    t.strictSame(
      await foundOfRoles(t, async name => {
        await grantToMe(name)
        return {}
      }),
      [OWNER_BYPASSES]
    )
  })

  t.test('one that is not there', async t => {
    const found = await foundOfRoles(t, async () => ({ role: 'nobody' }))

    t.strictSame(found, ['role-missing nobody: there is no such role'])
  })

  t.test(
    'one that the login may not switch to, as the member that Postgres 16 makes who created it',
    async t => {
      const found = await foundOfRoles(t, async () => ({}))

      t.strictSame(found, ['role-unreachable ROLE: neondb_owner may not switch to it', OWNER_BYPASSES])
    }
  )

  t.test('a superuser, and nothing else of one', async t => {
    const found = await foundOfRoles(t, async () => ({ role: 'cloud_admin' }))

    t.strictSame(found, ['superuser cloud_admin: it is a superuser'])
  })

  t.test('BYPASSRLS', async t => {
    const found = await foundOfRoles(t, async name => {
      await grantToMe(name)
      await administer(`alter role ${name} bypassrls`)
      return {}
    })

    t.strictSame(found, ['bypassrls ROLE: it has BYPASSRLS'])
  })

  t.test('the membership of one with BYPASSRLS, through another and without its rights', async t => {
    const found = await foundOfRoles(t, async name => {
      await grantToMe(name)
      const between = await createRole(t)
      const beyond = await createRole(t, 'bypassrls')
      await administer(
        `grant ${beyond} to ${between} with inherit false; grant ${between} to ${name} with inherit false`
      )
      return {}
    })

    t.strictSame(found, ['bypass-member ROLE: it is a member of OTHER'])
  })

  t.test('the membership of a predefined role that gets past the policies, and of no other', async t => {
    const found = await foundOfRoles(t, async name => {
      await grantToMe(name)
      await administer(`grant pg_monitor to ${name} with inherit false`)
      return {}
    })

    t.strictSame(found, ['predefined-role ROLE: it is a member of pg_read_all_stats', OWNER_BYPASSES])
  })

  t.test('attributes that no user of rows needs', async t => {
    const found = await foundOfRoles(t, async name => {
      await grantToMe(name)
      await administer(`alter role ${name} createrole createdb replication`)
      return {}
    })

    t.strictSame(found, ['role-attributes ROLE: it has CREATEROLE, CREATEDB, REPLICATION', OWNER_BYPASSES])
  })

  t.test('the login of the owner without a switch, to be beyond all policies', async t => {
    const { role, findings } = await read(await createDatabase(t), { role: undefined })

    t.equal(role, 'neondb_owner')
    t.strictSame(
      findings.map(({ code }) => code),
      ['bypassrls', 'bypass-member', 'role-attributes']
    )
  })

  t.test('nothing of a restricted login that was made by SQL, with and without a switch', async t => {
    const login = await createRole(t, `login password '${PASSWORD}' in role app_user`)
    const url = urlAs(login, await createDatabase(t))

    t.match(await read(url, { role: undefined }), { role: login, findings: [] })
    t.match(await read(url), { login, role: 'app_user', findings: [] })
  })

  t.test('one that begins as another, as the one that it begins as', async t => {
    const login = await createRole(t, `login password '${PASSWORD}' in role app_user`)
    await administer(`alter role ${login} set role = 'app_user'`)
    const url = urlAs(login, await createDatabase(t))

    t.match(await read(url, { role: undefined }), { login, role: 'app_user', findings: [] })
  })

  t.test('what a restricted login may do that is not granted to app_user', async t => {
    const login = await createRole(t, `login password '${PASSWORD}' in role app_user`)
    const url = await createDatabase(t)
    await administer(`grant truncate on tasks to ${login}`, url)

    const { findings } = await read(urlAs(login, url), { role: undefined })

    t.match(findings, [{ code: 'excess-privilege', object: 'public.tasks' }])
    t.equal(findings.length, 1)
  })
})

t.test('the audit of a role that owns tables', async t => {
  async function owning(t: Test, statements: (name: string, parent: string) => string) {
    const name = await createRole(t)
    const parent = await createRole(t)
    await grantToMe(name)
    await grantToMe(parent)
    const url = await createDatabase(t)
    await administer(
      `${NOTES}; create policy a on notes using (owner = (select app.user_id()));
       ${statements(name, parent)}`,
      url
    )
    const { findings } = await read(url, { role: name })
    return findings.filter(({ code }) => code !== 'login-bypass').map(({ code }) => code)
  }
  const own = (name: string) => `grant create on schema public to ${name}; alter table notes owner to ${name};
    revoke create on schema public from ${name}`

  t.test('finds it without FORCE', async t => {
    const found = await owning(t, name => `alter table notes no force row level security; ${own(name)}`)

    t.strictSame(found, ['no-force', 'table-owner', 'excess-privilege', 'owner-update'])
  })

  t.test('finds what an owner may do with FORCE', async t => {
    t.strictSame(await owning(t, own), ['excess-privilege', 'owner-update'])
  })

  for (const how of ['with inherit true, set false', 'with inherit false, set true']) {
    t.test(`finds what a member of the owner may do, ${how}`, async t => {
      const found = await owning(
        t,
        (name, parent) =>
          `alter table notes no force row level security; ${own(parent)}; grant ${parent} to ${name} ${how}`
      )

      t.strictSame(found, ['no-force', 'table-owner', 'excess-privilege', 'owner-update'])
    })
  }

  t.test('finds nothing of a member that has no way to the rights of the owner', async t => {
    const found = await owning(
      t,
      (name, parent) => `${own(parent)}; grant ${parent} to ${name} with inherit false, set false, admin true`
    )

    t.strictSame(found, [])
  })
})

t.test('the audit of a database finds', async t => {
  t.test('temporary tables of the role, which the migrations revoke', async t => {
    const url = await createDatabase(t)
    const temporary = async () => (await read(url)).findings.filter(({ code }) => code === 'temporary-tables')
    t.strictSame(await temporary(), [])

    const name = new URL(url).pathname.slice(1)
    await administer(`grant temporary on database ${name} to public`, url)

    t.strictSame(await temporary(), [
      { code: 'temporary-tables', object: name, message: 'app_user may make temporary tables in it' }
    ])
  })

  t.test(
    'the right to make schemas, and one with the name of the role in which it may make tables',
    async t => {
      const url = await createDatabase(t)
      const name = new URL(url).pathname.slice(1)
      const found = async () =>
        (await read(url)).findings
          .filter(({ code }) => code.endsWith('-create'))
          .map(({ code, object, message }) => `${code} ${object}: ${message}`)
      t.strictSame(await found(), [])

      await administer(
        `grant create on database ${name} to app_user; create schema app_user; grant create on schema app_user to public`,
        url
      )

      t.strictSame(await found(), [
        `database-create ${name}: app_user may make schemas in it`,
        'schema-create app_user: app_user may CREATE in it'
      ])
    }
  )

  t.test('large objects that users share', async t => {
    const url = await createDatabase(t)
    const large = async () => (await read(url)).findings.filter(({ code }) => code === 'large-objects')
    t.strictSame(await large(), [])

    await administer(
      "begin; select lo_from_bytea(0, 'of the owner'); set local role app_user; select lo_create(4711); commit",
      url
    ).catch(() => administer('select lo_create(4711); alter large object 4711 owner to app_user', url))

    t.strictSame(await large(), [
      {
        code: 'large-objects',
        object: new URL(url).pathname.slice(1),
        message: 'app_user may read or write 1 of them'
      }
    ])
  })
})
