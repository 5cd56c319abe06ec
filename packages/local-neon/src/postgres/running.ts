/**
 * Owns the knowledge of who serves a data folder: waits for a Postgres that is ending, refuses
 * beside one that is served, and sees through the lock files that a crash left behind.
 */
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { LocalNeonError } from '../failure.ts'
import { IDENTITY_HEADER } from '../proxy/http.ts'
import { socketPathOf } from './socket-directory.ts'
import { publishFile } from './staging.ts'

/** What a served folder says about its server. */
export interface Running {
  pid: number
  port: number
  /** What clients take, with the password. */
  url: string
  /** Of the Postgres that runs, or ran last: a sleeping compute has none. */
  postgresPid: number
  /** What the server answers over HTTP, which no other process does. */
  identity: string
  /** Port of the control interface, if there is one. */
  controlPort?: number
  /** Opens the console, whose token is in it. */
  consoleUrl?: string
}

/** A fast shutdown takes well under a second, unless a checkpoint meets a slow disk. */
const ENDING_DEADLINE_MS = 10_000
/** A server that was killed a moment ago may still look alive. */
const DYING_MS = 300
const POLL_INTERVAL_MS = 25
const PRIVATE_FILE_MODE = 0o600
/** A server that answers at all does so at once. */
const ANSWER_DEADLINE_MS = 1_000
/** LOCK_FILE_LINE_PM_STATUS, counted from zero. */
const STATUS_LINE = 7

const run = promisify(execFile)

/** Throws when a local Neon serves the folder, be its compute awake or asleep. */
export async function refuseIfServed(home: string): Promise<void> {
  const server = await findServer(home)
  if (server) throw alreadyRunning(home, `pid ${server.pid} at 127.0.0.1:${server.port}`)
}

/** The one that serves the folder, be its compute awake or asleep. */
export async function findServer(home: string): Promise<Running | undefined> {
  const server = await readRunning(home)
  return server && (await isAnswering(server)) ? server : undefined
}

/** A pid alone proves nothing: after a crash another process may have it. */
async function isAnswering({ port, identity }: Running): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS)
    const { headers } = await fetch(`http://127.0.0.1:${port}/`, { signal })
    return headers.get(IDENTITY_HEADER) === identity
  } catch {
    return false
  }
}

/**
 * Waits until no Postgres has the data folder. Answers the pid in a lock file that now belongs
 * to a process which is no Postgres of this folder, if there is one.
 */
export async function awaitUnused(
  home: string,
  dataDirectory: string,
  deadlineMs: number = ENDING_DEADLINE_MS
): Promise<number | undefined> {
  const startMs = performance.now()
  for (;;) {
    const { postmaster, stranger } = await holdersOf(dataDirectory)
    if (postmaster === undefined) return stranger
    const server = await readRunning(home)
    const isServed = server?.postgresPid === postmaster && (await commandOf(server.pid)) !== ''
    const waitedMs = performance.now() - startMs
    if (isServed && waitedMs >= DYING_MS)
      throw alreadyRunning(home, `pid ${server.pid} at 127.0.0.1:${server.port}`)
    if (waitedMs >= deadlineMs) throw alreadyRunning(home, `a Postgres with pid ${postmaster}`)
    await setTimeout(POLL_INTERVAL_MS)
  }
}

export async function writeRunning(home: string, running: Running): Promise<void> {
  await publishFile(runningFileOf(home), `${JSON.stringify(running)}\n`, PRIVATE_FILE_MODE)
}

export async function removeRunning(home: string): Promise<void> {
  await rm(runningFileOf(home), { force: true })
}

/** What postmaster.pid says; its lines are listed in utils/pidfile.h of Postgres. */
export async function readPostmasterFile(
  dataDirectory: string
): Promise<{ pid: number; status: string | undefined }> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '')
  return { pid: Number.parseInt(text, 10), status: text.split('\n')[STATUS_LINE]?.trim() }
}

async function holdersOf(dataDirectory: string): Promise<{ postmaster?: number; stranger?: number }> {
  const { pid } = await readPostmasterFile(dataDirectory)
  const socketLock = `${socketPathOf(dataDirectory)}.lock`
  const socketPid = Number.parseInt(await readFile(socketLock, 'utf8').catch(() => ''), 10)
  for (const holder of [pid, socketPid]) {
    if (await isPostmasterOf(dataDirectory, holder)) return { postmaster: holder }
  }
  // The data folder's own lock guards the data; a socket's lock without it guards nothing.
  if (socketPid !== pid) await rm(socketLock, { force: true })
  return Number.isNaN(pid) ? {} : { stranger: pid }
}

async function isPostmasterOf(dataDirectory: string, pid: number): Promise<boolean> {
  if (Number.isNaN(pid)) return false
  const command = await commandOf(pid)
  // The supervising shell has the same words in its arguments.
  return command.includes(`/bin/postgres -D ${dataDirectory} `) && !command.startsWith('/bin/sh')
}

/** The command line of a process, empty when there is none: a zombie's is empty as well. */
async function commandOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  } catch {
    const args = ['-ww', '-o', 'args=', '-p', String(pid)]
    const { stdout } = await run('ps', args).catch(() => ({ stdout: '' }))
    return stdout
  }
}

export async function readRunning(home: string): Promise<Running | undefined> {
  try {
    return JSON.parse(await readFile(runningFileOf(home), 'utf8'))
  } catch {
    return undefined
  }
}

function runningFileOf(home: string): string {
  return join(home, 'running.json')
}

function alreadyRunning(home: string, server: string): LocalNeonError {
  return new LocalNeonError('LOCAL_NEON_ALREADY_RUNNING', `${home} is served already by ${server}`)
}
