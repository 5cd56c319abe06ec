/**
 * A local Neon with a hot standby of it, as Neon's read replicas are: each has an endpoint of its own.
 */
import { execFile } from 'node:child_process'
import { appendFile, chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { DATA_PARENT } from '../../../../test/support/data-parent.ts'
import { readServer } from '../../../../test/support/postgres.ts'
import { temporaryPath } from '../../../../test/support/temporary-folder.ts'
import { type LocalNeon, startLocalNeon } from '../../../local-neon/src/local-neon.ts'
import { SUPERUSER } from '../../../local-neon/src/postgres/cluster.ts'
import { SOCKET_PORT, socketDirectoryOf } from '../../../local-neon/src/postgres/socket-directory.ts'

export interface Standby {
  primaryUrl: string
  url: string
  stop(): Promise<void>
  start(): Promise<void>
}

const run = promisify(execFile)

export async function openStandby(t: Test): Promise<Standby> {
  const directory = await mkdtemp(temporaryPath('standby', DATA_PARENT))
  // Root's Postgres runs as another user, who has to get in.
  await chmod(directory, 0o755)
  const folder = (name: string) => join(directory, name)
  const startIn = (name: string, port = 0) =>
    startLocalNeon({
      directory: folder(name),
      systemDirectory: folder('system'),
      port,
      fsync: false,
      suspendAfterMs: 0
    })

  // A copy of the data of a server that was stopped is what pg_basebackup makes, which is not among the programs.
  for (const name of ['primary', 'standby']) {
    await mkdir(folder(name))
    await run('cp', ['-a', readServer().cluster, join(folder(name), 'cluster')])
  }
  const data = (name: string) => join(folder(name), 'cluster', 'data')
  // With the owner of the others.
  await run('cp', ['-a', join(data('standby'), 'PG_VERSION'), join(data('standby'), 'standby.signal')])
  const connection = `host=${socketDirectoryOf(data('primary'))} port=${SOCKET_PORT} user=${SUPERUSER}`
  await appendFile(join(data('standby'), 'postgresql.auto.conf'), `primary_conninfo = '${connection}'\n`)

  const primary = await startIn('primary')
  let standby: LocalNeon | undefined = await startIn('standby')
  const { port, url } = standby
  t.teardown(async () => {
    await stop()
    await primary.close()
    await rm(directory, { recursive: true, force: true })
  })
  return {
    primaryUrl: primary.url,
    url,
    stop,
    async start() {
      standby = await startIn('standby', port)
    }
  }

  async function stop() {
    await standby?.close()
    standby = undefined
  }
}
