/**
 * Owns one contestant's process, from this side: its start, what it has cost so far, and its end.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface ContestantProcess<Ready> {
  /** What the process says when it takes connections. */
  ready: Ready
  /** Processor time that it has taken so far, in microseconds. */
  cpuUs(): Promise<number>
  /** Resolves when the process is gone. */
  end(): Promise<void>
}

/** Above what a fast shutdown of Postgres and the force after it may take. */
const END_DEADLINE_MS = 15_000

export async function startProcess<Ready>(
  file: URL,
  ...parameters: string[]
): Promise<ContestantProcess<Ready>> {
  const child = fork(fileURLToPath(file), parameters, {
    // Standard output is for the figures.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A terminal's Ctrl-C reaches this process alone, which ends the others in order.
    detached: true
  })
  const ready = await firstMessage<Ready>(child)
  return { ready, cpuUs, end: () => end(child) }

  async function cpuUs(): Promise<number> {
    const answer = once(child, 'message')
    child.send('cpu')
    const [us] = await answer
    return us
  }
}

function firstMessage<Ready>(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: Ready) => resolve(message))
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`${child.spawnargs.at(-1)} has ended with ${code}`)))
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
