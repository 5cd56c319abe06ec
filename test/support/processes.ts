/**
 * Programs of this project as processes: their output is kept, and they are
 * gone when the test is.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * What turns TypeScript into JavaScript, from wherever a program is run. It is the loader of the
 * tests, since two ways of doing that in one run would spoil the coverage, which is added up by
 * position. The coverage comes by itself; tap's own loaders would take longer than the program.
 */
export const NODE_ARGS: readonly string[] = [`--import=${ROOT}typescript-loader.mjs`]

export interface Program {
  child: ChildProcess
  /** Everything written so far, on both streams. */
  output(): string
  /** Resolves with the first group of the pattern when the output has it. Fails when the program ends before. */
  said(pattern: RegExp): Promise<string>
  /** Resolves with the exit code, or the signal. */
  ended: Promise<number | string | null>
}

export interface ProgramOptions {
  env?: Record<string, string>
  cwd?: string
  args?: string[]
  /** With a channel to this process, as `npm run dev` gives it. */
  channel?: boolean
}

/** Runs a TypeScript file of this project with nothing of the test's own settings in its environment. */
export function runProgram(
  t: Pick<Test, 'teardown'>,
  file: string,
  { env = {}, cwd = ROOT, args = [], channel = false }: ProgramOptions = {}
): Program {
  const child = spawn(process.execPath, [...NODE_ARGS, `${ROOT}${file}`, ...args], {
    cwd,
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])]
  })
  const progress = new EventEmitter()
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      text += chunk
      progress.emit('more')
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    progress.emit('more')
    return code ?? signal
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    return channel || ended
  })

  return { child, ended, output: () => text, said }

  async function said(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(text)
      if (match) return match[1] ?? match[0]
      if (child.exitCode !== null) throw new Error(`ended without saying ${pattern}:\n${text}`)
      await once(progress, 'more')
    }
  }
}

/** What a process needs at all, and what tap measures coverage with. */
function inherited(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_OPTIONS', 'NODE_V8_COVERAGE']
  const taps = Object.entries(process.env).filter(
    ([name]) => names.includes(name) || name.startsWith('_TAPJS')
  )
  return Object.fromEntries(taps)
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
