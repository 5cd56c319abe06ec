/**
 * Owns one running Postgres: its settings, who may log in, the wait until it is ready, and its
 * end. It listens on a Unix socket alone.
 */
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { LocalNeonError } from '../failure.ts'
import { nameOf } from './account.ts'
import type { Binaries } from './binaries.ts'
import { SHARED_MEMORY } from './cluster.ts'
import { awaitUnused, readPostmasterFile } from './running.ts'
import { failedWith, type ServerLog, textOf } from './server-log.ts'
import { prepareSocketDirectory, SOCKET_PORT, socketDirectoryOf, socketPathOf } from './socket-directory.ts'
import { publishFile } from './staging.ts'
import { type Account, type ProcessExit, type Supervised, supervise } from './supervisor.ts'

export interface PostgresOptions {
  binaries: Binaries
  /** Folder for pg_hba.conf and for the record of who serves. */
  home: string
  dataDirectory: string
  account: Account | undefined
  serverLog: ServerLog
  fsync: boolean
  /** Time for a fast shutdown, and again for an immediate one. @default 5000 */
  stopDeadlineMs?: number
  /** Time until it must answer; recovery after a crash counts. @default 60000 */
  startDeadlineMs?: number
}

export interface Postgres {
  pid: number
  socketPath: string
  /** Resolves when it has ended, asked to or not. */
  exited: Promise<ProcessExit>
  /** Fast shutdown, then force; resolves when it is gone. */
  stop(): Promise<void>
}

const STOP_DEADLINE_MS = 5_000
const START_DEADLINE_MS = 60_000
const POLL_INTERVAL_MS = 10
/**
 * Before each further attempt, while another Postgres of this folder ends. Of two that start together each may take the
 * socket's folder of the other along once, so that a third collision may be with one that is there to stay.
 */
const RETRY_PAUSES_MS = [100, 1_000, 1_000]
const READABLE_FILE_MODE = 0o644
/**
 * Postgres loses the race for a lock file, or its socket's folder goes with the one that ends, or the backends of one that was killed
 * have not noticed it yet.
 */
const COLLISION =
  /lock file ".*" already exists|could not create lock file ".*": No such file|pre-existing shared memory block/

// The first lines of Postgres that have these.
const IO_METHODS = 18
const ANY_ROLE_IN_MAPS = 16

// The proxy has checked who it is, and is let in as anybody, and so is the pooler behind it; no other user of this machine is let in
// at all. Before a map could name any role, only the permissions of the socket see to that.
const loginRules = (major: number) =>
  `local all,replication all ${major >= ANY_ROLE_IN_MAPS ? 'peer map=proxy' : 'trust'}\n`
const loginNames = (account: string | undefined) =>
  [userInfo().username, account]
    .filter(name => name !== undefined)
    .map(name => `proxy ${name} all\n`)
    .join('')

export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  return await attemptStart(options, RETRY_PAUSES_MS)
}

async function attemptStart(options: PostgresOptions, [pause, ...pauses]: number[]): Promise<Postgres> {
  const { home, dataDirectory, account, serverLog } = options
  const stalePid = await awaitUnused(home, dataDirectory)
  await prepareSocketDirectory(socketDirectoryOf(dataDirectory), account)
  // In one step: the Postgres of somebody who starts at the same time may be reading them.
  await publishFile(loginRulesOf(options), loginRules(options.binaries.major), READABLE_FILE_MODE)
  await publishFile(loginNamesOf(options), loginNames(account && (await nameOf(account))), READABLE_FILE_MODE)
  const program = launch(options, stalePid)
  try {
    const pid = await whenReady(options, program)
    return { pid, socketPath: socketPathOf(dataDirectory), exited: program.exited, stop: program.stop }
  } catch (error) {
    await program.stop()
    const hasCollided = COLLISION.test(await textOf(serverLog))
    if (!hasCollided || pause === undefined) throw error
    await setTimeout(pause)
    return await attemptStart(options, pauses)
  }
}

function launch(options: PostgresOptions, stalePid: number | undefined): Supervised {
  const { binaries, dataDirectory, account, serverLog, stopDeadlineMs = STOP_DEADLINE_MS } = options
  const flags = Object.entries(settingsOf(options)).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return supervise({
    command: [binaries.postgres, '-D', dataDirectory, ...flags],
    account,
    logFd: serverLog.fd,
    // Postgres takes a lock file for stale when it names its own grandparent, and still looks
    // for processes that use its shared memory (CreateLockFile in utils/init/miscinit.c).
    // Removing the file would skip that.
    environment: stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(stalePid) },
    folder: socketDirectoryOf(dataDirectory),
    stopDeadlineMs
  })
}

// On the command line, so that folders made by an older version get today's settings.
function settingsOf(options: PostgresOptions): Record<string, string> {
  return {
    listen_addresses: '',
    port: String(SOCKET_PORT),
    unix_socket_directories: socketDirectoryOf(options.dataDirectory),
    unix_socket_permissions: '0700',
    hba_file: loginRulesOf(options),
    ident_file: loginNamesOf(options),
    ssl: 'off',
    // Without three processes more: a wake takes a third less, and reads come from the page cache anyway.
    ...(options.binaries.major >= IO_METHODS && { io_method: 'sync' }),
    ...SHARED_MEMORY,
    // Neon's, whatever the time zone of this machine is.
    timezone: 'GMT',
    log_timezone: 'GMT',
    ...(options.fsync ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' })
  }
}

/** Waits until Postgres says in its lock file that it takes connections. Answers its pid. */
async function whenReady(options: PostgresOptions, program: Supervised): Promise<number> {
  const { dataDirectory, serverLog, startDeadlineMs = START_DEADLINE_MS } = options
  const end = performance.now() + startDeadlineMs
  const pid = await program.pid
  for (;;) {
    const lock = await readPostmasterFile(dataDirectory)
    if (lock.pid === pid && lock.status === 'ready') return lock.pid
    const exit = await Promise.race([program.exited, setTimeout(POLL_INTERVAL_MS)])
    if (exit) throw await failedWith(serverLog, 'Postgres did not start', exit)
    if (performance.now() > end) throw lateWith(serverLog, startDeadlineMs)
  }
}

function lateWith(log: ServerLog, deadlineMs: number): LocalNeonError {
  return new LocalNeonError(
    'LOCAL_NEON_POSTGRES_FAILED',
    `Postgres was not ready within ${deadlineMs} ms (log: ${log.path})`
  )
}

function loginRulesOf({ home }: PostgresOptions): string {
  return join(home, 'pg_hba.conf')
}

function loginNamesOf({ home }: PostgresOptions): string {
  return join(home, 'pg_ident.conf')
}
