/**
 * Owns one running PgBouncer: its settings, the wait until it takes connections, and its end. It listens on a Unix
 * socket alone, and gives each transaction to whichever session is free, as Neon's does.
 */
import { chmod, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { failedWith, type ServerLog } from '../postgres/server-log.ts'
import { type Account, type ProcessExit, type Supervised, supervise } from '../postgres/supervisor.ts'

export interface PgBouncerOptions {
  program: string
  account: Account | undefined
  /** Folder for its files, which the account may enter. */
  home: string
  /** Folder of its socket, which the account may write to. */
  socketDirectory: string
  serverLog: ServerLog
  /** Where its sessions are: a connection string of libpq for every database. */
  server: string
  /** Those of the file of settings, over the ones that are Neon's. */
  settings?: Readonly<Record<string, string | number>>
  /** Passwords of those who may log in, where it asks for one. */
  passwords?: Readonly<Record<string, string>>
}

export interface PgBouncer {
  pid: number
  socketPath: string
  /** Resolves when it has ended, asked to or not. */
  exited: Promise<ProcessExit>
  /** Ends it at once, and all sessions with it, as the end of a compute does. */
  stop(): Promise<void>
}

/** Names the file of the socket, as the port of Neon's does. */
export const POOLER_PORT = 6432

// Neon's: "Connection pooling" in its documentation, and pgbouncer.ini of its repository for the rest.
const NEON_SETTINGS = {
  pool_mode: 'transaction',
  max_client_conn: 10_000,
  ignore_startup_parameters: 'extra_float_digits',
  log_connections: 0,
  log_disconnections: 0
}

const STOP_DEADLINE_MS = 5_000
const START_DEADLINE_MS = 30_000
const POLL_INTERVAL_MS = 10
const READABLE_FILE_MODE = 0o644

export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { program, account, socketDirectory, serverLog } = options
  const socketPath = join(socketDirectory, `.s.PGSQL.${POOLER_PORT}`)
  // One that was killed leaves it behind, and the next one would take it for one that runs.
  await rm(socketPath, { force: true })
  const file = await writeSettings(options)
  const supervised = supervise({
    command: [program, file],
    account,
    logFd: serverLog.fd,
    folder: socketDirectory,
    stopDeadlineMs: STOP_DEADLINE_MS
  })
  const stop = () => stopAtOnce(supervised)
  try {
    await whenReady(socketPath, supervised, serverLog)
    return { pid: Number(await supervised.pid), socketPath, exited: supervised.exited, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The interrupt that others are sent lets it wait for the transactions that are open. */
async function stopAtOnce({ pid, stop }: Supervised): Promise<void> {
  try {
    process.kill(Number(await pid), 'SIGQUIT')
  } catch {
    // It has ended by itself.
  }
  await stop()
}

async function writeSettings(options: PgBouncerOptions): Promise<string> {
  const { home, socketDirectory, server, settings, passwords = {} } = options
  const users = join(home, 'pgbouncer-users.txt')
  const all = {
    ...NEON_SETTINGS,
    listen_port: POOLER_PORT,
    unix_socket_dir: socketDirectory,
    auth_file: users,
    ...settings
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const file = join(home, 'pgbouncer.ini')
  await writeReadable(
    users,
    Object.entries(passwords).map(([name, password]) => `${quoted(name)} ${quoted(password)}`)
  )
  await writeReadable(file, ['[databases]', `* = ${server}`, '[pgbouncer]', ...lines])
  return file
}

/** Whatever the umask is: it may be read by another user than the one who writes it. */
async function writeReadable(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(path, lines.map(line => `${line}\n`).join(''))
  await chmod(path, READABLE_FILE_MODE)
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

async function whenReady(socketPath: string, { exited }: Supervised, log: ServerLog): Promise<void> {
  const end = performance.now() + START_DEADLINE_MS
  while (!(await takesConnections(socketPath))) {
    const exit = await Promise.race([exited, setTimeout(POLL_INTERVAL_MS)])
    if (exit) throw await failedWith(log, 'PgBouncer did not start', exit)
    /* c8 ignore next -- one that runs and never listens cannot be had */
    if (performance.now() > end) throw new Error(`PgBouncer was not ready in ${START_DEADLINE_MS} ms`)
  }
}

function takesConnections(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
