/**
 * Owns temporary folders: the name of each says which process made it, so that the folders of killed processes can
 * be found, and those of a living one never are.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'

// Pid, start and pid namespace of the maker, and what mkdtemp adds.
const OWNED = /(?:^|-)(\d+)-(\d+)-(\d+)-[A-Za-z\d]{6}$/

/** Where Linux tells of processes. */
const PROC = '/proc'
// proc(5): behind the name, which is in parentheses, the state is field 3 and the start field 22.
const STATE = 0
const START = 19
/** Of a process that has ended, and whose parent has not asked for its exit code yet. */
const ENDED = ['Z', 'X']

/** For mkdtemp in place of the prefix alone: `local-neon-` becomes `local-neon-4711-90210-4026531836-`. */
export function ownedPrefix(prefix: string, proc: string = PROC): string {
  const { pid } = process
  return `${prefix}${pid}-${startOf(pid, proc) ?? 0}-${namespaceOf(proc) ?? 0}-`
}

/**
 * Folders in `parent` with this prefix whose maker has ended, of this user: root is not to be led astray in
 * somebody else's.
 */
export async function abandonedFolders(
  parent: string,
  prefix: string,
  proc: string = PROC
): Promise<string[]> {
  const namespace = namespaceOf(proc)
  // What tells nothing of this process tells nothing of others.
  if (namespace === undefined || startOf(process.pid, proc) === undefined) return []
  const folder = await realpath(parent)
  const names = await readdir(folder)
  return names
    .filter(name => name.startsWith(prefix) && isAbandoned(name))
    .map(name => join(folder, name))
    .filter(isOwnFolder)

  function isAbandoned(name: string): boolean {
    const [, pid, startedAt, ofNamespace] = OWNED.exec(name.slice(prefix.length))?.map(Number) ?? []
    // In another container the pid may be that of a process which cannot be seen from here.
    return pid !== undefined && ofNamespace === namespace && startOf(pid, proc) !== startedAt
  }
}

/** In clock ticks since the boot, or in milliseconds since 1970; undefined when there is no such process. */
function startOf(pid: number, proc: string): number | undefined {
  if (!hasProc(proc)) return startToldByPs(pid)
  const stat = attempt(() => readFileSync(join(proc, `${pid}`, 'stat'), 'utf8'))
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || ENDED.includes(`${fields[STATE]}`) ? undefined : Number(fields[START])
}

/** On macOS. */
function startToldByPs(pid: number): number | undefined {
  const args = ['LC_ALL=C', 'TZ=UTC', 'ps', '-o', 'state=', '-o', 'lstart=', '-p', `${pid}`]
  const told = attempt(() => execFileSync('env', args, { encoding: 'utf8', stdio: 'pipe' })) ?? ''
  const [state = '', ...start] = told.trim().split(/\s+/)
  const startedAt = Date.parse(`${start.join(' ')} UTC`)
  return ENDED.includes(state.charAt(0)) || Number.isNaN(startedAt) ? undefined : startedAt
}

/** Undefined where it is kept from us. */
function namespaceOf(proc: string): number | undefined {
  if (!hasProc(proc)) return 0
  const link = attempt(() => readlinkSync(join(proc, 'self', 'ns', 'pid')))
  return link === undefined ? undefined : Number(/\d+/.exec(link))
}

function hasProc(proc: string): boolean {
  return existsSync(join(proc, 'self'))
}

function isOwnFolder(path: string): boolean {
  const found = attempt(() => lstatSync(path))
  return found?.isDirectory() === true && found.uid === process.geteuid?.()
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
