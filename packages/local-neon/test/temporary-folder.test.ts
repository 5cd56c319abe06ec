import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { NODE_ARGS } from '../../../test/support/processes.ts'
import { abandonedFolders, ownedPrefix } from '../src/temporary-folder.ts'
import { endWith, firstLine, folder, isRoot, until } from './fixtures/sandbox.ts'

const PREFIX = 'some-'
const MODULE = new URL('../src/temporary-folder.ts', import.meta.url).href
const MAKE = `
  const { mkdtempSync } = await import('node:fs')
  const { ownedPrefix } = await import('${MODULE}')
  console.log(mkdtempSync(process.argv[1] + '/' + ownedPrefix('${PREFIX}')))
  setInterval(() => {}, 1000)`
const COMMAND = [process.execPath, ...NODE_ARGS, '--input-type=module', '--eval', MAKE]

t.test('a temporary folder', async t => {
  t.test('is not abandoned while the process that made it lives', async t => {
    const parent = await folder(t)
    mkdtempSync(join(parent, ownedPrefix(PREFIX)))
    await makeElsewhere(t, parent)

    t.strictSame(await abandonedFolders(parent, PREFIX), [])
  })

  t.test('is abandoned when that process was killed', async t => {
    const parent = await folder(t)
    const { path, child } = await makeElsewhere(t, parent)

    child.kill('SIGKILL')

    await until('it is abandoned', async () => (await abandonedFolders(parent, PREFIX)).length > 0)
    t.strictSame(await abandonedFolders(parent, PREFIX), [path])
  })

  const skip = process.platform !== 'linux' && 'tells by /proc'
  t.test('is abandoned when nobody has asked how that process ended', { skip }, async t => {
    const parent = await folder(t)
    // What the shell becomes never asks.
    const parentOfIt = spawn('/bin/sh', ['-c', '"$@" & exec sleep 600', 'sh', ...COMMAND, parent], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true
    })
    t.teardown(() => process.kill(-Number(parentOfIt.pid), 'SIGKILL'))
    const path = await firstLine(parentOfIt)
    const pid = Number(basename(path).split('-')[1])

    process.kill(pid, 'SIGKILL')

    await until('it is a zombie', () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
    t.strictSame(await abandonedFolders(parent, PREFIX), [path])
  })

  t.test('is abandoned when another process has the pid now', async t => {
    const parent = await folder(t)
    const path = make(parent, ownedPrefix(PREFIX).replace(/-\d+-(\d+-)$/, '-1-$1'))

    t.strictSame(await abandonedFolders(parent, PREFIX), [path])
  })

  t.test('is not abandoned when its process is in another pid namespace, or nobody is named', async t => {
    const parent = await folder(t)
    make(parent, ownedPrefix(PREFIX).replace(/-\d+-\d+-$/, '-1-1-'))
    make(parent, PREFIX)
    make(parent, `other-${process.pid}-1-0-`)

    t.strictSame(await abandonedFolders(parent, PREFIX), [])
  })

  t.test('is never a file or a link', async t => {
    const parent = await folder(t)
    writeFileSync(join(parent, `${ownedPrefix(PREFIX).replace(/-\d+-(\d+-)$/, '-1-$1')}abcdef`), '')

    t.strictSame(await abandonedFolders(parent, PREFIX), [])
  })

  t.test('of another user is left alone', { skip: !isRoot && 'only root can give it away' }, async t => {
    const parent = await folder(t)
    chownSync(make(parent, ownedPrefix(PREFIX).replace(/-\d+-(\d+-)$/, '-1-$1')), 65_534, 65_534)

    t.strictSame(await abandonedFolders(parent, PREFIX), [])
  })
})

t.test('without /proc', async t => {
  const none = '/none'

  t.test('ps tells when a process was started', async t => {
    const parent = await folder(t)
    mockPs(t, `echo 'Ss   Mon Nov 30 07:07:34 2026'`)
    const living = basename(make(parent, ownedPrefix(PREFIX, none)))
    const path = make(parent, `${PREFIX}${process.pid}-1000-0-`)

    t.match(living, `${PREFIX}${process.pid}-${Date.UTC(2026, 10, 30, 7, 7, 34)}-0-`)
    t.strictSame(await abandonedFolders(parent, PREFIX, none), [path])
  })

  t.test('ps tells that a process has ended', async t => {
    const parent = await folder(t)
    mockPs(t, `[ "$6" = ${process.pid} ] && state=R || state=Z; echo "$state Mon Nov 30 07:07:34 2026"`)
    const startedAt = Date.UTC(2026, 10, 30, 7, 7, 34)
    make(parent, `${PREFIX}${process.pid}-${startedAt}-0-`)
    const path = make(parent, `${PREFIX}1-${startedAt}-0-`)

    t.strictSame(await abandonedFolders(parent, PREFIX, none), [path])
  })

  t.test('and with a ps that does not tell nothing counts as abandoned', async t => {
    const parent = await folder(t)
    mockPs(t, 'exit 1')
    make(parent, ownedPrefix(PREFIX, none))
    make(parent, `${PREFIX}1-1000-0-`)

    t.strictSame(await abandonedFolders(parent, PREFIX, none), [])
  })
})

t.test('with a /proc that keeps the pid namespace to itself nothing counts as abandoned', async t => {
  const parent = await folder(t)
  const stat = `${process.pid} (a name (of) it) S${' 0'.repeat(18)} 4711 0`
  const proc = t.testdir({ self: {}, [process.pid]: { stat } })
  const path = make(parent, ownedPrefix(PREFIX, proc))
  make(parent, `${PREFIX}1-1000-0-`)

  t.match(basename(path), `${PREFIX}${process.pid}-4711-0-`)
  t.strictSame(await abandonedFolders(parent, PREFIX, proc), [])
})

function make(parent: string, name: string): string {
  const path = join(parent, `${name}abcdef`)
  mkdirSync(path)
  return path
}

async function makeElsewhere(t: Test, parent: string): Promise<{ path: string; child: ChildProcess }> {
  const [program, ...args] = [...COMMAND, parent]
  const child = spawn(`${program}`, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  endWith(t, child)
  return { path: await firstLine(child), child }
}

function mockPs(t: Test, script: string): void {
  const bin = t.testdir({ ps: `#!/bin/sh\n${script}\n` })
  chmodSync(join(bin, 'ps'), 0o755)
  const { PATH } = process.env
  process.env.PATH = `${bin}:${PATH}`
  t.teardown(() => Object.assign(process.env, { PATH }))
}
