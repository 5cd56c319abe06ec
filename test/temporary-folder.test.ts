import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { dataDirectoryOf } from '../packages/local-neon/src/postgres/cluster.ts'
import { socketDirectoryOf } from '../packages/local-neon/src/postgres/socket-directory.ts'
import { DATA_PARENT } from './support/data-parent.ts'
import { ROOT } from './support/processes.ts'
import { removeLeftovers, temporaryPath } from './support/temporary-folder.ts'

t.test('a run of the tests removes what killed ones have left, and nothing of one that lives', async t => {
  const left = abandoned(t, temporaryPath('example'))
  const server = abandoned(t, temporaryPath('server', DATA_PARENT))
  const socket = socketDirectoryOf(dataDirectoryOf(join(server, 'local', 'cluster')))
  mkdirSync(socket)
  const living = mkdtempSync(temporaryPath('example'))
  t.teardown(() => rmSync(living, { recursive: true }))

  await removeLeftovers()

  for (const path of [left, server, socket]) t.notOk(existsSync(path), path)
  t.ok(existsSync(living))
})

t.test('every temporary folder of the tests is one of them', async t => {
  const files = ['test', ...readdirSync(join(ROOT, 'packages')).map(name => `packages/${name}/test`)].flatMap(
    folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name))
  )
  const calls = files
    .filter(file => file.endsWith('.ts'))
    .flatMap(file => [...readFileSync(join(ROOT, file), 'utf8').matchAll(/mkdtemp(?:Sync)?\(\S+/g)])
    .map(([call]) => call)

  t.ok(calls.length > 10)
  for (const call of calls) t.notMatch(call, /\((?:join\((?:tmpdir|DATA_PARENT)|'\/tmp)/)
})

/** By name of a process that had the pid of this one before. */
function abandoned(t: Test, path: string): string {
  const name = `${basename(path).replace(/-\d+-(\d+-)$/, '-1-$1')}abcdef`
  const folder = join(dirname(path), name)
  mkdirSync(folder)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
