import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { removeAbandoned } from '../../src/postgres/abandoned.ts'
import { dataDirectoryOf } from '../../src/postgres/cluster.ts'
import { socketDirectoryOf } from '../../src/postgres/socket-directory.ts'
import { ownedPrefix } from '../../src/temporary-folder.ts'
import { endWith, folder } from '../fixtures/sandbox.ts'

const PREFIX = 'some-'

t.test('what killed processes have left', async t => {
  t.test('is removed, with the sockets of their Postgres, and nothing else is', async t => {
    const parent = await folder(t)
    const { home, data } = abandoned(parent)
    const socket = socketDirectoryOf(data)
    mkdirSync(socket)
    writeFileSync(join(socket, '.s.PGSQL.5432'), '')
    mkdirSync(join(parent, `${ownedPrefix(PREFIX)}abcdef`))

    await removeAbandoned(parent, PREFIX)

    t.strictSame(readdirSync(parent), [`${ownedPrefix(PREFIX)}abcdef`])
    t.notOk(readdirSync('/tmp').includes(socket.slice('/tmp/'.length)), home)
  })

  t.test('is left while its Postgres is ending', async t => {
    const parent = await folder(t)
    const { data } = abandoned(parent, 'local')
    writeFileSync(join(data, 'postmaster.pid'), `${pretendPostgres(t, data)}\n${data}\n`)

    await removeAbandoned(parent, PREFIX, ['local'])

    t.equal(readdirSync(parent).length, 1)
  })

  t.test('is no failure where there is nothing to look at', async t => {
    await t.resolves(removeAbandoned('/none', PREFIX))
  })
})

/** By name of a process that had the pid of this one before. */
function abandoned(parent: string, inside = '.') {
  const home = join(parent, `${ownedPrefix(PREFIX).replace(/-\d+-(\d+-)$/, '-1-$1')}abcdef`)
  const data = dataDirectoryOf(join(home, inside, 'cluster'))
  mkdirSync(data, { recursive: true })
  return { home, data }
}

/** A process whose command line is that of a Postgres with this data folder. */
function pretendPostgres(t: Test, data: string): number {
  const child = spawn('/bin/sh', ['-c', 'read -r _; exit', '/bin/postgres', '-D', data, '-c'], {
    argv0: 'pretender'
  })
  endWith(t, child)
  return Number(child.pid)
}
