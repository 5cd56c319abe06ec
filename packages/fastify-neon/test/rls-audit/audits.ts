/**
 * What is audited in tests. Roles are of the whole cluster: each has a name of its own and is dropped with its test.
 */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { administer } from '../../../../test/support/postgres.ts'
import { verifiedUrl } from '../../src/connection-string/connection-url.ts'
import { type IsolationOptions, readIsolation } from '../../src/rls-audit/audit.ts'

export const read = (url: string, options: IsolationOptions = {}) =>
  readIsolation(verifiedUrl(url, 'url'), { role: 'app_user', ...options })

export const POLICY =
  'alter table notes enable row level security; alter table notes force row level security'
/** As a table of users is: only what a row adds to it is found. */
export const NOTES = `create table notes (owner text not null, id int not null, task uuid, primary key (owner, id)); ${POLICY}`

/**
 * Made by SQL, as by the owner of a Neon database. Before the database, which is dropped first then with what the role
 * has in it.
 */
export async function createRole(t: Test, attributes = ''): Promise<string> {
  const role = `test_${randomBytes(6).toString('hex')}`
  await administer(`create role ${role} ${attributes}`)
  t.teardown(() => administer(`drop role ${role}`))
  return role
}

export const PASSWORD = 'of-a-test'

/** The URL of the same database with the login of this role. */
export function urlAs(role: string, databaseUrl: string): string {
  return Object.assign(new URL(databaseUrl), { username: role, password: PASSWORD }).href
}
