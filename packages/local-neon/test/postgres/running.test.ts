import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { awaitUnused, readPostmasterFile, removeRunning, writeRunning } from '../../src/postgres/running.ts'
import { socketPathOf } from '../../src/postgres/socket-directory.ts'
import { endWith, folder } from '../fixtures/sandbox.ts'

t.test('data folder', async t => {
  t.test('is free when nothing says otherwise', async t => {
    const { home, data } = await place(t)

    t.equal(await awaitUnused(home, data), undefined)
  })

  t.test('is free after a crash', async t => {
    const { home, data } = await place(t)
    const dead = spawnSync('true').pid
    await lock(data, dead)

    t.equal(await awaitUnused(home, data), dead)
  })

  t.test('is free when the pid of its Postgres now belongs to a stranger, who is named', async t => {
    const { home, data } = await place(t)
    await lock(data, process.pid)

    t.equal(await awaitUnused(home, data), process.pid)
  })

  t.test('is served when its Postgres lives and the server beside it', async t => {
    const { home, data } = await place(t)
    const postgres = pretend(t, data)
    await lock(data, postgres)
    await writeRunning(home, {
      pid: process.pid,
      port: 54_321,
      url: '',
      postgresPid: postgres,
      identity: 'x'
    })

    await t.rejects(awaitUnused(home, data), {
      code: 'LOCAL_NEON_ALREADY_RUNNING',
      message: `${home} is served already by pid ${process.pid} at 127.0.0.1:54321`
    })
  })

  t.test('is waited for while the Postgres of a dead server ends', async t => {
    const { home, data } = await place(t)
    const child = pretendChild(t, data)
    await lock(data, Number(child.pid))
    await writeRunning(home, {
      pid: spawnSync('true').pid,
      port: 1,
      url: '',
      postgresPid: Number(child.pid),
      identity: 'x'
    })

    const free = awaitUnused(home, data)
    child.kill()

    t.equal(await free, child.pid)
  })

  t.test('is not waited for without a limit', async t => {
    const { home, data } = await place(t)
    const postgres = pretend(t, data)
    await lock(data, postgres)

    await t.rejects(awaitUnused(home, data, 0), {
      code: 'LOCAL_NEON_ALREADY_RUNNING',
      message: `${home} is served already by a Postgres with pid ${postgres}`
    })
  })

  t.test('is in use when only the lock of the socket says so', async t => {
    const { home, data } = await place(t)
    await lockSocket(t, data, pretend(t, data))

    await t.rejects(awaitUnused(home, data, 0), { code: 'LOCAL_NEON_ALREADY_RUNNING' })
  })

  t.test('is free of a socket lock that a crash has left', async t => {
    const { home, data } = await place(t)
    const path = await lockSocket(t, data, process.pid)

    t.equal(await awaitUnused(home, data), undefined)
    await t.rejects(readFile(path), { code: 'ENOENT' })
  })

  t.test('is not taken for another one whose path begins alike', async t => {
    const { home, data } = await place(t)
    const other = pretend(t, `${data}-2`)
    await lock(data, other)

    t.equal(await awaitUnused(home, data), other)
  })

  t.test('forgets its server', async t => {
    const { home, data } = await place(t)
    const postgres = pretend(t, data)
    await lock(data, postgres)
    await writeRunning(home, { pid: process.pid, port: 1, url: '', postgresPid: postgres, identity: 'x' })

    await removeRunning(home)

    await t.rejects(awaitUnused(home, data, 0), { message: /a Postgres with pid/ })
  })
})

t.test('postmaster.pid', async t => {
  t.test('tells pid and status', async t => {
    const data = await folder(t)
    await writeFile(join(data, 'postmaster.pid'), '12\n/data\n1\n5432\n/tmp\n\n  1 2\nready   \n')

    t.strictSame(await readPostmasterFile(data), { pid: 12, status: 'ready' })
  })

  t.test('has no status yet while it is being written', async t => {
    const data = await folder(t)
    await writeFile(join(data, 'postmaster.pid'), '12\n')

    t.strictSame(await readPostmasterFile(data), { pid: 12, status: undefined })
  })
})

async function place(t: Test) {
  const home = await folder(t)
  const data = join(home, 'data')
  await mkdir(data)
  return { home, data }
}

async function lock(data: string, pid: number) {
  await writeFile(join(data, 'postmaster.pid'), `${pid}\n${data}\n`)
}

async function lockSocket(t: Test, data: string, pid: number): Promise<string> {
  const path = `${socketPathOf(data)}.lock`
  await mkdir(dirname(path))
  t.teardown(() => rm(dirname(path), { recursive: true }))
  await writeFile(path, `${pid}\n`)
  return path
}

function pretend(t: Test, data: string): number {
  return Number(pretendChild(t, data).pid)
}

/** A process whose command line is that of a Postgres with this data folder. */
function pretendChild(t: Test, data: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', 'read -r _; exit', '/bin/postgres', '-D', data, '-c'], {
    argv0: 'pretender'
  })
  endWith(t, child)
  return child
}
