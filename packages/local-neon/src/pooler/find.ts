/**
 * Owns the search for PgBouncer on this machine: the one that is named, or else the first on the PATH. It has to
 * know the prepared statements of its clients, as Neon's does.
 */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export type FoundPgBouncer =
  | { program: string; version: string }
  /** Why there is none, for a person. */
  | { program: undefined; reason: string }

export interface PgBouncerEnvironment {
  /** Path of the program, in place of the one on the PATH. */
  PGBOUNCER?: string | undefined
  PATH?: string | undefined
}

/** The first with max_prepared_statements. */
const OLDEST = [1, 21] as const
const VERSION = /^PgBouncer (\d+)\.(\d+)\S*/m
const ANSWER_DEADLINE_MS = 10_000

const run = promisify(execFile)

export async function findPgBouncer(
  { PGBOUNCER, PATH }: PgBouncerEnvironment = process.env
): Promise<FoundPgBouncer> {
  const program = PGBOUNCER || (await firstOn(PATH))
  if (program === undefined) return none('there is no pgbouncer on the PATH, and PGBOUNCER names none')
  const answer = await run(program, ['--version'], { timeout: ANSWER_DEADLINE_MS }).catch(() => undefined)
  const [version, ...numbers] = VERSION.exec(answer?.stdout ?? '') ?? []
  if (version === undefined) return none(`${program} cannot be run, or is no PgBouncer`)
  const [major = 0, minor = 0] = numbers.map(Number)
  const isNewEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
  return isNewEnough
    ? { program, version }
    : none(`${program} is ${version}, and ${OLDEST.join('.')} is the oldest that does`)
}

async function firstOn(path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter(folder => folder !== '')) {
    const program = join(folder, 'pgbouncer')
    if (await access(program, constants.X_OK).then(yes, no)) return program
  }
  return undefined
}

function none(reason: string): FoundPgBouncer {
  return { program: undefined, reason }
}

function yes() {
  return true
}

function no() {
  return false
}
