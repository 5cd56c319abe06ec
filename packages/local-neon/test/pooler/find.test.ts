import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findPgBouncer } from '../../src/pooler/find.ts'

/** A program that says this of its version. */
async function program(t: Test, says: string): Promise<{ folder: string; path: string }> {
  const folder = t.testdir({ pgbouncer: `#!/bin/sh\necho '${says}'\n` })
  const path = join(folder, 'pgbouncer')
  await chmod(path, 0o755)
  return { folder, path }
}

t.test('PgBouncer', async t => {
  t.test('is the first on the PATH', async t => {
    const { folder, path } = await program(t, 'PgBouncer 1.24.1')

    const found = await findPgBouncer({ PATH: `:/nowhere:${folder}:/usr/bin` })

    t.strictSame(found, { program: path, version: 'PgBouncer 1.24.1' })
  })

  t.test('is the one that is named, whatever the PATH has', async t => {
    const { path } = await program(t, 'PgBouncer 2.0.0')

    const found = await findPgBouncer({ PATH: '/usr/bin', PGBOUNCER: path })

    t.match(found, { program: path, version: 'PgBouncer 2.0.0' })
  })

  t.test('is there from the version on that knows prepared statements', async t => {
    const oldest = await program(t, 'PgBouncer 1.21.0')
    t.match(await findPgBouncer({ PGBOUNCER: oldest.path }), { program: oldest.path })

    const older = await program(t, 'PgBouncer 1.20.1')
    t.strictSame(await findPgBouncer({ PGBOUNCER: older.path }), {
      program: undefined,
      reason: `${older.path} is PgBouncer 1.20.1, and 1.21 is the oldest that does`
    })
  })

  t.test('is not there, with the reason', async t => {
    t.match(await findPgBouncer({ PATH: '/nowhere' }), {
      program: undefined,
      reason: 'there is no pgbouncer on the PATH, and PGBOUNCER names none'
    })
    t.match(await findPgBouncer({}), { program: undefined })
    const other = await program(t, 'psql (PostgreSQL) 18.4')
    const reason = /cannot be run, or is no PgBouncer$/
    t.match(await findPgBouncer({ PGBOUNCER: other.path }), { program: undefined, reason })
    t.match(await findPgBouncer({ PGBOUNCER: '/nowhere/pgbouncer' }), { program: undefined, reason })
  })
})
