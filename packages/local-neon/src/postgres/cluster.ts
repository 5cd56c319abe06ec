/**
 * Owns what a local Neon keeps between starts: the data folder with roles and a database like
 * Neon's, and the password, made once and never written into code.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { failedWith, type ServerLog } from './server-log.ts'
import { publish, publishFile } from './staging.ts'
import { type Account, supervise } from './supervisor.ts'

export interface ClusterOptions {
  /** Folder that holds data and password; made when missing. */
  directory: string
  binaries: Binaries
  account: Account | undefined
  serverLog: ServerLog
  /** false leaves out the flushes to disk. */
  fsync: boolean
}

export const OWNER_ROLE = 'neondb_owner'
export const DATABASE = 'neondb'
/** Bootstrap superuser, as on Neon. The proxy lets nobody in as it. */
export const SUPERUSER = 'cloud_admin'

const PASSWORD_BYTES = 24
const PASSWORD_FORM = /^[\w-]{16,}$/
const PRIVATE_FILE_MODE = 0o600
const FOLDER_MODE = 0o755
/** Time after the interrupt, and again after SIGQUIT. */
const STOP_DEADLINE_MS = 5_000

// The first lines of Postgres that have these.
const BUILTIN_LOCALES = 17
const CREATE_SUBSCRIPTION_ROLE = 16
const INITDB_SET = 16

/** In the data folder: in /dev/shm it would stay, for good, of each process that is killed and whose folder is gone. */
export const SHARED_MEMORY = { dynamic_shared_memory_type: 'mmap' }

// Roles and grants of neondatabase/neon, compute_tools/src: spec_apply.rs and migrations/.
const rolesSql = (major: number) => [
  `CREATE ROLE neon_superuser NOLOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS`,
  `GRANT pg_read_all_data, pg_write_all_data TO neon_superuser`,
  ...(major >= CREATE_SUBSCRIPTION_ROLE ? [`GRANT pg_create_subscription TO neon_superuser`] : []),
  `GRANT pg_monitor, pg_signal_backend TO neon_superuser WITH ADMIN OPTION`,
  `CREATE ROLE ${OWNER_ROLE} LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS IN ROLE neon_superuser`,
  `CREATE DATABASE ${DATABASE} OWNER ${OWNER_ROLE}`
]

export function dataDirectoryOf(directory: string): string {
  return join(directory, 'data')
}

/** Makes the data and the password where they are missing. Answers the password. */
export async function prepareCluster(options: ClusterOptions): Promise<string> {
  await publishIfMissing(options)
  const known = await readPassword(options.directory)
  if (known) return known
  // Somebody has removed the file: the data stay, the owner gets a new password.
  const password = createPassword()
  await runSql(options, dataDirectoryOf(options.directory), [passwordSql(password)])
  await writePassword(options.directory, password)
  return password
}

async function publishIfMissing(options: ClusterOptions): Promise<void> {
  const { directory, account } = options
  if (await isInitialized(directory)) return
  await publish(directory, async staging => {
    const data = dataDirectoryOf(staging)
    const password = createPassword()
    await chmod(staging, FOLDER_MODE)
    await mkdir(data)
    if (account) await chown(data, account.uid, account.gid)
    await initialize(options, data)
    await runSql(options, data, [...rolesSql(options.binaries.major), passwordSql(password)])
    await writePassword(staging, password)
  })
}

async function isInitialized(directory: string): Promise<boolean> {
  const version = await readFile(join(dataDirectoryOf(directory), 'PG_VERSION')).catch(() => undefined)
  return version !== undefined
}

async function initialize(options: ClusterOptions, data: string): Promise<void> {
  await runToEnd(options, [
    options.binaries.initdb,
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    '--encoding=UTF8',
    '--no-locale',
    ...(options.binaries.major >= BUILTIN_LOCALES
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : []),
    '--auth=reject',
    '--no-instructions',
    ...(options.binaries.major >= INITDB_SET
      ? [`--set=dynamic_shared_memory_type=${SHARED_MEMORY.dynamic_shared_memory_type}`]
      : []),
    ...(options.fsync ? [] : ['--no-sync'])
  ])
}

/** Runs statements as the superuser in single-user mode, which needs neither a socket nor a login. */
async function runSql(options: ClusterOptions, data: string, statements: readonly string[]): Promise<void> {
  const settings = {
    exit_on_error: 'on',
    ...SHARED_MEMORY,
    // A failing statement would stand in the log with the password in it.
    log_min_error_statement: 'panic',
    fsync: options.fsync ? 'on' : 'off'
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const input = statements.map(statement => `${statement};\n`).join('')
  await runToEnd(options, [options.binaries.postgres, '--single', '-D', data, ...flags, 'postgres'], input)
}

async function runToEnd(
  options: ClusterOptions,
  command: [string, ...string[]],
  input?: string
): Promise<void> {
  const { account, serverLog } = options
  const program = supervise({
    command,
    account,
    logFd: serverLog.fd,
    input,
    stopDeadlineMs: STOP_DEADLINE_MS
  })
  const exit = await program.exited
  if (exit.code !== 0) throw await failedWith(serverLog, `${command[0]} failed`, exit)
}

function passwordSql(password: string): string {
  return `ALTER ROLE ${OWNER_ROLE} PASSWORD '${password}'`
}

function createPassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url')
}

async function readPassword(directory: string): Promise<string | undefined> {
  const text = await readFile(passwordFileOf(directory), 'utf8').catch(() => '')
  return PASSWORD_FORM.test(text.trim()) ? text.trim() : undefined
}

async function writePassword(directory: string, password: string): Promise<void> {
  await publishFile(passwordFileOf(directory), `${password}\n`, PRIVATE_FILE_MODE)
}

function passwordFileOf(directory: string): string {
  return join(directory, 'password')
}
