import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { NODE_ARGS } from '../../../../test/support/processes.ts'
import { onParentExit } from '../../src/cli/parent-process.ts'
import { ignore } from '../../src/failure.ts'
import { endWith } from '../fixtures/sandbox.ts'

const HOUR_MS = 3_600_000
const PARENT_URL = new URL('../../src/cli/parent-process.ts', import.meta.url).href

t.test('parent watch', async t => {
  // The watch keeps no process alive, and on some versions of Node.js nothing else does that here.
  const alive = setInterval(ignore, HOUR_MS)
  t.teardown(() => clearInterval(alive))

  t.test('calls back once when the parent is another one than at the start', async t => {
    let calls = 0
    const called = new Promise<void>(resolve => {
      t.teardown(onParentExit(() => resolve(void calls++), { parentPid: process.pid, intervalMs: 1 }))
    })
    await called

    // Several intervals later.
    await setTimeout(20)

    t.equal(calls, 1)
  })

  t.test('is silent while the parent lives, and once it is stopped', async t => {
    const fail = () => t.fail('called back')
    t.teardown(onParentExit(fail, { intervalMs: 1 }))
    onParentExit(fail, { parentPid: process.pid, intervalMs: 1 })()

    await setTimeout(20)

    t.pass('was silent')
  })

  t.test('notices that the parent was killed, and keeps nothing alive', async t => {
    // A shell starts the process with the watch and is killed; only the watch can end that one.
    const script = `import('${PARENT_URL}').then(({ onParentExit }) => {
      onParentExit(() => process.exit(), { intervalMs: 10 })
      process.stdout.write('watching')
      setInterval(() => {}, 1000)
    })`
    const command = [process.execPath, ...NODE_ARGS, '-e', script]
    const shell = spawn('/bin/sh', ['-c', '"$@"; exit', 'sh', ...command], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    endWith(t, shell)
    await once(shell.stdout, 'data')

    const closed = once(shell.stdout, 'close')
    shell.kill('SIGKILL')
    await closed

    t.pass('the watching process has ended and closed its output')
  })
})
