/**
 * Starts, each ended by a kill -9 of the process that holds the local Neon, in every state
 * that it can be in: nothing stays behind, and the next start finds its data.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { copyCluster, folder, spawnServe, until } from './fixtures/sandbox.ts'

/** One after the other in a folder, so that each start meets what the kill before has left. */
const MOMENTS = ['awake', 'starting', 'asleep', 'waking'] as const
// Each moment once; three times among the soak tests.
const KILLS = Number(process.env.KILLS ?? MOMENTS.length)
const FOLDERS = Math.min(3, KILLS / MOMENTS.length)

t.test('kills in each state leave nothing behind', async t => {
  const directories = await Promise.all(Array.from({ length: FOLDERS }, () => prepared(t)))
  const done: string[] = []

  await Promise.all(
    directories.map(async directory => {
      while (done.length < KILLS) {
        const moment = MOMENTS[done.length % MOMENTS.length] ?? 'awake'
        done.push(moment)
        await killAt(t, directory, moment)
        await until(`nothing of ${directory} is left`, () => processesOf(directory).length === 0)
      }
    })
  )

  t.equal(done.length, KILLS)
  t.strictSame(directories.flatMap(processesOf), [])
})

async function killAt(t: Test, directory: string, moment: (typeof MOMENTS)[number]): Promise<void> {
  const then = moment === 'asleep' ? 'sleep' : moment === 'waking' ? 'wake' : ''
  const child = await spawnServe(t, directory, { then, env: { PATH: process.env.PATH } })
  const exited = once(child, 'exit')
  if (moment === 'starting') await until('Postgres starts', () => isStarting(directory))
  else await lines(child.stdout, moment === 'awake' ? 1 : 2)
  child.kill('SIGKILL')
  await exited
}

/** Waits for so many lines. */
async function lines(stream: NodeJS.ReadableStream | null, count: number): Promise<void> {
  let seen = 0
  if (stream) for await (const _line of createInterface({ input: stream })) if (++seen === count) return
  throw new Error('the process ended before it had said all')
}

async function isStarting(directory: string): Promise<boolean> {
  const log = await readFile(join(directory, 'postgres.log'), 'utf8').catch(() => '')
  return log.includes('starting PostgreSQL')
}

/** Every process with the folder in its command line: Postgres, its children and what supervises it. */
function processesOf(directory: string): string[] {
  const all = execFileSync('ps', ['-eww', '-o', 'args='], { encoding: 'utf8' }).split('\n')
  return all.filter(args => args.includes(directory) && !args.startsWith('ps '))
}

async function prepared(t: Test): Promise<string> {
  const directory = await folder(t)
  await copyCluster(directory)
  return directory
}
