/**
 * Owns the choice of the user that Postgres runs as. Postgres refuses to run as root, so
 * root lends it another user; an ordinary user runs it as itself.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { LocalNeonError } from '../failure.ts'
import type { Account } from './supervisor.ts'

const run = promisify(execFile)

const ROOT_UID = 0
/** Users that exist for a purpose like this. */
const LENT_USERS = ['postgres', 'nobody']

export interface AccountOptions {
  /** User that this process runs as; 0 may become any other. @default process.geteuid() */
  uid?: number
  /** Users that root may lend to Postgres, best first. @default ['postgres', 'nobody'] */
  users?: readonly string[]
}

/** The user for the data in a folder, undefined for the one of this process. */
export async function chooseAccount(
  dataDirectory: string,
  { uid = process.geteuid?.(), users = LENT_USERS }: AccountOptions = {}
): Promise<Account | undefined> {
  const owner = await ownerOf(dataDirectory)
  if (uid !== ROOT_UID) {
    if (owner && owner.uid !== uid) throw wrongOwner(dataDirectory, owner)
    return undefined
  }
  // Data that exist keep their owner: Postgres opens no other's, and `sudo` is no reason to lose them.
  return owner ?? (await lentUser(users))
}

/** True when the account can enter (a folder) or run (a file) every path. */
export async function canReach(account: Account | undefined, paths: readonly string[]): Promise<boolean> {
  const script = 'for path; do [ -x "$path" ] || exit 1; done'
  try {
    await run('/bin/sh', ['-c', script, 'local-neon', ...paths], { ...account, cwd: '/' })
    return true
  } catch {
    return false
  }
}

/** Undefined for one that has none. */
export async function nameOf({ uid }: Account): Promise<string | undefined> {
  return await run('id', ['-un', String(uid)]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined
  )
}

async function ownerOf(path: string): Promise<Account | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && { uid: found.uid, gid: found.gid }
}

async function lentUser(users: readonly string[]): Promise<Account> {
  for (const user of users) {
    const account = await lookUp(user)
    if (account) return account
  }
  throw new LocalNeonError(
    'LOCAL_NEON_NO_ACCOUNT',
    `Postgres refuses to run as root and none of the users ${users.join(', ')} exists: ` +
      'add one (useradd --system postgres) or start as an ordinary user'
  )
}

async function lookUp(user: string): Promise<Account | undefined> {
  const ids = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]).catch(() => undefined)
  return ids && { uid: Number(ids[0].stdout), gid: Number(ids[1].stdout) }
}

function wrongOwner(path: string, owner: Account): LocalNeonError {
  return new LocalNeonError(
    'LOCAL_NEON_WRONG_OWNER',
    `${path} belongs to uid ${owner.uid}, whose Postgres alone can open it: start as that user or as root, or remove it`
  )
}
