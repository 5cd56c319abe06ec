/**
 * `npx local-neon` as a process, on a folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { NODE_ARGS } from '../../../../test/support/processes.ts'
import { dataDirectoryOf } from '../../src/postgres/cluster.ts'
import { readPostmasterFile } from '../../src/postgres/running.ts'
import { copyCluster, endWith, folder, groupOf, systemFolder, until } from '../fixtures/sandbox.ts'

const CLI = fileURLToPath(new URL('../../src/cli/local-neon.ts', import.meta.url))
export const COMMAND = [...NODE_ARGS, CLI]

/** Starts it and waits until it is ready. */
export async function serve(t: Test, env: NodeJS.ProcessEnv = {}) {
  const { child, directory, output, complaint } = await run(t, env)
  return { child, directory, complaint, ...(await ready(directory, child, output)) }
}

export async function run(t: Test, env: NodeJS.ProcessEnv = {}) {
  const directory = await folder(t)
  if (!('LOCAL_NEON_DIRECTORY' in env)) await copyCluster(directory)
  const child = spawn(process.execPath, COMMAND, {
    env: { ...(await environment(directory)), ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  endWith(t, child, 'SIGTERM')
  return { child, directory, output: collect(child.stdout), complaint: collect(child.stderr) }
}

export async function command(t: Test, directory: string, words: string[]) {
  const child = spawn(process.execPath, [...COMMAND, ...words], { env: await environment(directory) })
  endWith(t, child)
  const [output, complaint] = [collect(child.stdout), collect(child.stderr)]
  const [code] = await once(child, 'close')
  return { code, output: output(), complaint: complaint() }
}

export async function environment(directory: string): Promise<NodeJS.ProcessEnv> {
  const LOCAL_NEON_SYSTEM_DIRECTORY = await systemFolder()
  return {
    ...process.env,
    LOCAL_NEON_PORT: '0',
    LOCAL_NEON_CONTROL_PORT: '0',
    LOCAL_NEON_DIRECTORY: directory,
    LOCAL_NEON_SYSTEM_DIRECTORY
  }
}

export async function ready(directory: string, child: ChildProcess, output = collect(child.stdout)) {
  await until('it is ready', () => output().includes('Stop it'))
  const url = /DATABASE_URL=(\S+)/.exec(output())?.[1] ?? ''
  const { pid: postgresPid } = await readPostmasterFile(dataDirectoryOf(join(directory, 'cluster')))
  return { output, url, served: { postgresPid, group: groupOf(postgresPid) } }
}

export function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', chunk => {
    text += chunk
  })
  return () => text
}

export async function logIn(directory: string): Promise<string> {
  return await readFile(join(directory, 'postgres.log'), 'utf8').catch(() => '')
}
