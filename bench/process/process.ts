/**
 * Owns one contestant's process, from this side: its start, what it has cost so far, and its end.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answer } from './orders.ts'

export interface ContestantProcess<Ready> {
  /** What the process says when it takes connections. */
  ready: Ready
  /** Processor time that it has taken so far, in microseconds. */
  cpuUs(): Promise<number>
  /** Has an order carried out, one at a time. Rejects with what the process says has failed. */
  ask<Result>(order: object): Promise<Result>
  /** Resolves when the process is gone. */
  end(): Promise<void>
}

/** Above what a fast shutdown of Postgres and the force after it may take. */
const END_DEADLINE_MS = 15_000

export async function startProcess<Ready>(
  file: URL,
  ...parameters: string[]
): Promise<ContestantProcess<Ready>> {
  return await startProcessWith({ file, parameters })
}

export interface ProcessOptions {
  file: URL
  parameters: readonly string[]
  /** Beside those of this process. */
  variables?: Record<string, string>
  /** Has it run on the first processor alone, and what it starts as well. Linux only. @default false */
  isPinned?: boolean
}

/** Puts the process that it starts in its own place, so that the channel to it is the same. */
const ON_THE_FIRST_PROCESSOR = {
  execPath: 'taskset',
  execArgv: ['-c', '0', process.execPath, ...process.execArgv]
}

export async function startProcessWith<Ready>({
  file,
  parameters,
  variables,
  isPinned = false
}: ProcessOptions): Promise<ContestantProcess<Ready>> {
  const child = fork(fileURLToPath(file), parameters, {
    // biome-ignore lint/style/noProcessEnv: Node.js reads some variables at its start alone
    env: { ...process.env, ...variables },
    // Standard output is for the figures.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A terminal's Ctrl-C reaches this process alone, which ends the others in order.
    detached: true,
    ...(isPinned && ON_THE_FIRST_PROCESSOR)
  })
  const ready = await firstMessage<Ready>(child)
  return { ready, cpuUs, ask, end: () => end(child) }

  async function cpuUs(): Promise<number> {
    const answer = once(child, 'message')
    child.send('cpu')
    const [us] = await answer
    return us
  }

  async function ask<Result>(order: object): Promise<Result> {
    const answer = firstMessage<Answer & { result: Result }>(child)
    child.send(order)
    const answered = await answer
    if ('failure' in answered) throw new Error(`${parameters.at(0) ?? file.pathname}: ${answered.failure}`)
    return answered.result
  }
}

function firstMessage<Ready>(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) =>
      reject(new Error(`${child.spawnargs.at(-1)} has ended with ${code}`))
    child.once('error', reject)
    child.once('exit', onExit)
    child.once('message', (message: Ready) => {
      child.off('error', reject)
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  // Which the process takes as its end, also when this one is killed.
  if (child.connected) child.disconnect()
  const deadline = setTimeout(() => child.kill('SIGKILL'), END_DEADLINE_MS)
  await ended
  clearTimeout(deadline)
}
