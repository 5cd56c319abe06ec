/**
 * Owns the passwords that the proxy checks, as the control plane of Neon does: it knows them
 * while the compute sleeps too, so that a wrong password wakes nobody.
 */
import type { Compute } from './compute.ts'
import { SUPERUSER } from './postgres/cluster.ts'
import type { Superuser } from './postgres/superuser.ts'
import { parseVerifier, type Verifier } from './protocol/scram.ts'

export interface Roles {
  /** What the password of a role is checked against; undefined for a role without one, or no role. */
  verifierOf(role: string): Promise<Verifier | undefined>
  /** Takes in what Postgres knows now. */
  refresh(superuser: Superuser): Promise<void>
}

// The superuser is nobody's to log in as.
const ROLES_SQL = `SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword <> '' AND rolname <> '${SUPERUSER}'`

export function createRoles(compute: () => Compute): Roles {
  let known = new Map<string, string>()
  return { verifierOf, refresh }

  async function verifierOf(role: string): Promise<Verifier | undefined> {
    const { state, running } = compute()
    // One that cannot answer, since it goes down or recovers, leaves what was known.
    if (state === 'awake' && running) await refresh(running.superuser).catch(() => undefined)
    return parseVerifier(known.get(role))
  }

  async function refresh(superuser: Superuser): Promise<void> {
    const rows = await superuser.query(ROLES_SQL)
    known = new Map(rows.map(([name = '', password = '']) => [name, password]))
  }
}
