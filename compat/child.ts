/**
 * Commands as processes: their output goes to a log, and they end in time, with all that they have started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Child {
  /** Everything written so far, on both streams. */
  output(): string
  /** Resolves with the exit code, or the signal. */
  ended: Promise<number | string>
  /** Resolves with the first group of the pattern when the output has it. */
  said(pattern: RegExp): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Ctrl-C in its terminal: SIGINT for it and what it has started. */
  interrupt(): void
  /** Ends it and what it has started, at once. */
  kill(): void
}

export interface ChildOptions {
  cwd: string
  env: NodeJS.ProcessEnv
  log: Writable
}

/** Runs a command line. */
export function startChild(command: string, { cwd, env, log }: ChildOptions): Child {
  log.write(`$ ${command}\n`)
  // `detached`: a group of its own, which can be ended as a whole.
  const child = spawn('sh', ['-c', `exec ${command}`], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      log.write(chunk)
      child.emit('more')
    })
  }
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  return {
    output: () => text,
    ended,
    said,
    signal: name => child.kill(name),
    interrupt: () => signalGroup(child, 'SIGINT'),
    kill: () => signalGroup(child, 'SIGKILL')
  }

  async function said(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(text)
      if (match) return match[1] ?? match[0]
      await once(child, 'more')
    }
  }
}

/** Rejects with the text when the work takes longer. */
export async function within<T>(ms: number, text: string, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = sleep(ms, undefined, { signal: done.signal }).then(() => {
    throw new Error(`${text} within ${ms / 1000} s`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals) {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // All of it has ended.
  }
}
