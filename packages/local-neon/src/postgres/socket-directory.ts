/**
 * Owns the folder of the Unix socket that Postgres listens on: its path is short, since a
 * socket's may have 103 bytes on macOS, and always the same for one data folder.
 */
import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LocalNeonError, systemCode } from '../failure.ts'
import type { Account } from './supervisor.ts'

/** Names the socket's file; no TCP port is opened. */
export const SOCKET_PORT = 5432

// Not os.tmpdir(): on macOS that is long, and it differs between the shells of one user.
const PARENT = '/tmp'
const HASH_CHARACTERS = 16
const PRIVATE_FOLDER_MODE = 0o700
const PERMISSION_BITS = 0o777

export function socketDirectoryOf(dataDirectory: string): string {
  const hash = createHash('sha256').update(dataDirectory).digest('hex').slice(0, HASH_CHARACTERS)
  return join(PARENT, `fastify-neon-${hash}`)
}

export function socketPathOf(dataDirectory: string): string {
  return join(socketDirectoryOf(dataDirectory), `.s.PGSQL.${SOCKET_PORT}`)
}

/** Makes the folder for the account alone; refuses one that another user has put there. */
export async function prepareSocketDirectory(path: string, account: Account | undefined): Promise<void> {
  await mkdir(path, { mode: PRIVATE_FOLDER_MODE }).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error
  })
  // lstat: a symbolic link would lead to a folder of somebody else's choice.
  const found = await lstat(path)
  const own = process.geteuid?.()
  const expected = account?.uid ?? own
  if (!found.isDirectory() || (found.uid !== expected && found.uid !== own)) {
    throw new LocalNeonError(
      'LOCAL_NEON_WRONG_OWNER',
      `${path} should hold the socket of Postgres, but uid ${found.uid} has put something else there: remove it`
    )
  }
  if ((found.mode & PERMISSION_BITS) !== PRIVATE_FOLDER_MODE) await chmod(path, PRIVATE_FOLDER_MODE)
  if (account) await chown(path, account.uid, account.gid)
}
