/**
 * `npm run dev` as a process, with a local database of its own.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { copyCluster, removeSocketOf } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { DATA_PARENT } from '../support/data-parent.ts'
import { runProgram } from '../support/processes.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

export function localSettings(t: Test) {
  const directory = mkdtempSync(temporaryPath('dev', DATA_PARENT))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  removeSocketOf(t, join(directory, 'local'))
  // Root's Postgres runs as another user, who has to get in.
  chmodSync(directory, 0o755)
  return {
    LOCAL_NEON_DIRECTORY: join(directory, 'local'),
    LOCAL_NEON_SYSTEM_DIRECTORY: join(directory, 'system'),
    LOCAL_NEON_PORT: '0',
    LOCAL_NEON_CONTROL_PORT: '0',
    PORT: '0',
    FRONTEND: 'off'
  }
}

/** With a cluster that is there, which a start would make in twice the time. */
export async function preparedSettings(t: Test) {
  const settings = localSettings(t)
  mkdirSync(settings.LOCAL_NEON_DIRECTORY)
  await copyCluster(settings.LOCAL_NEON_DIRECTORY)
  return settings
}

export function dev(t: Test, env: Record<string, string>) {
  return runProgram(t, 'dev/dev.ts', { env, cwd: tmpdir() })
}

/** As a shell would split the printed line. */
export function requestOf(curl: string): [string, { headers: Record<string, string> }] {
  const [, authorization = '', url = ''] = /authorization: ([^']+)' (\S+)/.exec(curl) ?? []
  return [url, { headers: { authorization } }]
}
