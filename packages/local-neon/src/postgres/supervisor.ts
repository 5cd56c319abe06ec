/**
 * Owns the processes of Local Neon: each runs under a small shell that interrupts it as soon
 * as a pipe held by this process closes, be that a request to stop or the end of this process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { Duplex, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { ignore } from '../failure.ts'

/** A program's end, as Node tells it of a child: an exit code or a signal. */
export interface ProcessExit {
  code: number | null
  signal: string | null
}

/** The user a program runs as; undefined for the one that runs this process. */
export interface Account {
  uid: number
  gid: number
}

export interface SupervisorOptions {
  /** The program and its arguments. */
  command: readonly [string, ...string[]]
  account: Account | undefined
  /** Open file that takes the program's output. */
  logFd: number
  /** Text for the program's standard input. */
  input?: string
  /** Variables for the program, beside the few that it gets anyway. */
  environment?: Record<string, string>
  /** Folder that is removed when the program has ended, if nothing is left in it. */
  folder?: string
  /** Time that the program has after the interrupt, and again after SIGQUIT, before it is killed. */
  stopDeadlineMs: number
}

export interface Supervised {
  /** Pid of the program, once it is known; undefined when the program ends before that. */
  pid: Promise<number | undefined>
  /** Resolves when the program has ended; rejects when the shell could not be started. */
  exited: Promise<ProcessExit>
  /** Ends the program: SIGINT, then SIGQUIT, then SIGKILL. Resolves when it is gone. */
  stop(): Promise<void>
}

/** The shell's own deadlines count only when this process is gone, so they come after ours. */
const ORPHAN_PATIENCE = 1.5
const SECOND_MS = 1000
/** What a shell adds to the number of the signal that ended its child. */
const SIGNAL_EXIT_BASE = 128

// File descriptor 3 is the pipe. The watcher alone keeps it open: it reads until the other end
// is gone, which may be so before it can tell the pid (hence no SIGPIPE).
// Programs in the background get /dev/null as input, hence descriptor 4, and have SIGINT
// ignored. Postgres and initdb install a handler of their own; an interrupt that comes before
// that is lost, hence it is repeated.
// At the end the whole process group is told to go and is waited for, so that nothing stays
// behind, not even a zombie where nobody adopts processes (a container without init).
const SCRIPT = `
patience=$1
folder=$2
shift 2
exec 4<&0 </dev/null
"$@" <&4 3>&- 4<&- &
command=$!
exec 4<&-
(
  trap '' PIPE
  echo "$command" >&3
  read -r _ <&3
  trap 'kill "$!"; wait; exit' TERM
  left=$patience
  while [ "$left" -gt 0 ]; do
    kill -INT "$command"
    sleep 1 & wait "$!"
    left=$((left - 1))
  done
  kill -QUIT "$command"
  sleep "$patience" & wait "$!"
  kill -KILL "$command"
) >/dev/null 2>&1 &
exec 3>&-
wait "$command"
code=$?
[ -z "$folder" ] || rmdir "$folder"
trap '' TERM
kill -TERM 0
wait
exit "$code"
`

// Nothing of the caller's environment reaches Postgres: PGDATA, PGPORT or a library path
// that is meant for another installation would change what runs here.
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** Starts a program that ends when this process does, in whatever way that happens. */
export function supervise(options: SupervisorOptions): Supervised {
  const { stopDeadlineMs } = options
  const shell = spawnShell(options)
  const { input, lifeline } = pipesOf(shell)
  // A write that fails and a reset both mean that the shell has ended, which `exited` tells.
  input.on('error', ignore)
  lifeline.on('error', ignore)
  input.end(options.input)

  const pid = firstNumber(lifeline)
  const exited = exitOf(shell)
  let stopping: Promise<void> | undefined
  return { pid, exited, stop }

  function stop() {
    stopping ??= end()
    return stopping
  }

  async function end() {
    lifeline.destroy()
    if (await settledWithin(exited, stopDeadlineMs)) return
    signal(await pid, 'SIGQUIT')
    if (await settledWithin(exited, stopDeadlineMs)) return
    signalGroup(shell, 'SIGKILL')
    await exited
  }
}

function spawnShell({
  command,
  account,
  logFd,
  environment,
  folder = '',
  stopDeadlineMs
}: SupervisorOptions): ChildProcess {
  const patienceSeconds = Math.ceil((stopDeadlineMs * ORPHAN_PATIENCE) / SECOND_MS)
  return spawn('/bin/sh', ['-c', SCRIPT, 'local-neon', String(patienceSeconds), folder, ...command], {
    ...account,
    // The account may not be able to enter the folder this process stands in.
    cwd: '/',
    env: { ...ENVIRONMENT, ...environment },
    // A session of its own: the Ctrl-C of a terminal reaches this process alone, which
    // closes the clients before Postgres.
    detached: true,
    stdio: ['pipe', logFd, logFd, 'pipe']
  })
}

function pipesOf(shell: ChildProcess): { input: Writable; lifeline: Duplex } {
  const [input, , , lifeline] = shell.stdio
  /* c8 ignore next -- 'pipe' above makes both streams; this tells the compiler */
  if (!(input instanceof Writable && lifeline instanceof Duplex)) throw new TypeError('no pipes')
  return { input, lifeline }
}

function exitOf(shell: ChildProcess): Promise<ProcessExit> {
  const exited = new Promise<ProcessExit>((resolve, reject) => {
    shell.once('error', reject)
    shell.once('exit', (code, signal) => {
      // A shell that was killed itself has left its children behind.
      if (signal !== null) signalGroup(shell, 'SIGKILL')
      resolve(exitOfCommand(code, signal))
    })
  })
  // Whoever waits is told; nobody has to.
  exited.catch(ignore)
  return exited
}

function exitOfCommand(code: number | null, signal: string | null): ProcessExit {
  if (code === null || code <= SIGNAL_EXIT_BASE) return { code, signal }
  const known = Object.entries(constants.signals).find(([, number]) => number === code - SIGNAL_EXIT_BASE)
  return known ? { code: null, signal: known[0] } : { code, signal }
}

function firstNumber(stream: Duplex): Promise<number | undefined> {
  return new Promise(resolve => {
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(Number.parseInt(text, 10))
    })
    stream.once('close', () => resolve(undefined))
  })
}

/** True when the promise settles in time. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const yes = () => true
  const settled = promise.then(yes, yes)
  const timeout = setTimeout(ms, false, { signal: timer.signal }).catch(yes)
  return await Promise.race([settled, timeout]).finally(() => timer.abort())
}

function signalGroup(shell: ChildProcess, name: NodeJS.Signals): void {
  signal(-Number(shell.pid), name)
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    process.kill(Number(pid), name)
  } catch {
    // Nobody is left to be told, or nobody was ever there: NaN is refused.
  }
}
