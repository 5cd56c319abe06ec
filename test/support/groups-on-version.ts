/**
 * Groups of the tests, on another version of a package that they import.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { runGroup } from '../groups/run.ts'
import { importCopies } from './other-version.ts'
import { temporaryPath } from './temporary-folder.ts'

const execute = promisify(execFile)

/** For the whole process, so a file for each version. Without the files that compare with what is in the newest one. */
export async function runGroupsOn(
  name: string,
  version: string,
  groups: string[],
  without: RegExp
): Promise<void> {
  const folder = await mkdtemp(temporaryPath('other-version'))
  t.teardown(() => rm(folder, { recursive: true }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps']
  await execute('npm', ['install', ...flags, '--prefix', folder, `${name}@${version}`])
  await importCopies({ [name]: join(folder, 'node_modules', name) })
  t.ok(fileURLToPath(import.meta.resolve(name)).startsWith(folder), `${name} is the one of ${version}`)
  for (const group of groups)
    await runGroup(import.meta.resolve(`../groups/${group}.group.ts`), file => !without.test(file))
}
