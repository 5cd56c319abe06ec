/**
 * Owns where things lie: the folder asked for, unless Postgres runs as another user who cannot
 * enter it; then a folder of the system takes its place.
 */
import { createHash } from 'node:crypto'
import { chmod, mkdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type AccountOptions, canReach, chooseAccount } from './account.ts'
import { dataDirectoryOf } from './cluster.ts'
import type { Account } from './supervisor.ts'

export interface PlaceOptions {
  directory: string
  systemDirectory: string
  /** Who may run Postgres. @default the user of this process, or one that root lends */
  accounts?: AccountOptions
  log: (line: string) => void
}

export interface Place {
  /** Folder that everything lies in. */
  home: string
  /** Data and password, made in one step. */
  cluster: string
  /** User that Postgres runs as; undefined for the one of this process. */
  account: Account | undefined
  /** Folder for a copy of the programs, should one be needed. */
  copyParent: string
}

/** Where data and programs go that the user of Postgres could not get to. */
export const SYSTEM_DIRECTORY = '/var/lib/fastify-neon'
const FOLDER_MODE = 0o755
const PASS_BITS = 0o111
const HASH_CHARACTERS = 8

export async function choosePlace(options: PlaceOptions): Promise<Place> {
  const { directory, systemDirectory, log } = options
  await makeFolder(directory)
  const asked = await placeAt(await realpath(directory), options)
  if (!asked.account || (await canPass(asked.account, asked.home))) return asked

  await makeFolder(systemDirectory)
  const home = join(await realpath(systemDirectory), nameFor(asked.home))
  await makeFolder(home)
  log(
    `Data lie in ${home}: uid ${asked.account.uid}, who runs Postgres instead of root, cannot enter ${directory}`
  )
  return await placeAt(home, options)
}

/** Where `choosePlace` may have put what belongs to the folder. Changes nothing. */
export async function homesOf({
  directory,
  systemDirectory
}: Pick<PlaceOptions, 'directory' | 'systemDirectory'>): Promise<string[]> {
  const asked = await realpath(directory).catch(() => undefined)
  return asked === undefined ? [] : [asked, join(systemDirectory, nameFor(asked))]
}

/** True when the account can enter the folder. */
async function canPass(account: Account, path: string): Promise<boolean> {
  if (await canReach(account, [path])) return true
  // The folder itself is there for this purpose, so it may be opened (to pass, not to list);
  // what closes it further up is not ours.
  if (!(await canReach(account, [dirname(path)]))) return false
  const { mode } = await stat(path)
  await chmod(path, mode | PASS_BITS)
  return await canReach(account, [path])
}

async function placeAt(home: string, { systemDirectory, accounts }: PlaceOptions): Promise<Place> {
  const cluster = join(home, 'cluster')
  const account = await chooseAccount(dataDirectoryOf(cluster), accounts)
  return { home, cluster, account, copyParent: account ? systemDirectory : home }
}

/** Makes a folder that every user may enter, whatever the umask is; one that exists keeps its mode. */
async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true })
  if (made !== undefined) await chmod(path, FOLDER_MODE)
}

function nameFor(directory: string): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, HASH_CHARACTERS)
  const project = basename(dirname(directory)).replaceAll(/[^\w.-]/g, '-')
  return `${project}-${hash}`
}
