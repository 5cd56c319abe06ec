import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { dataDirectoryOf, prepareCluster } from '../../src/postgres/cluster.ts'
import { type PostgresOptions, startPostgres } from '../../src/postgres/postgres.ts'
import { socketDirectoryOf, socketPathOf } from '../../src/postgres/socket-directory.ts'
import { createSuperuser } from '../../src/postgres/superuser.ts'
import {
  clusterOptions,
  copyCluster,
  endWith,
  folder,
  groupOf,
  isGone,
  until,
  untilGone
} from '../fixtures/sandbox.ts'

t.test('Postgres', async t => {
  t.test('answers at its socket and at no TCP port', async t => {
    const { options } = await prepare(t)

    const { pid, socketPath } = await start(t, options)

    await once(connect(socketPath).unref(), 'connect')
    const lines = (await readFile(join(options.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')
    t.match(lines, [String(pid), options.dataDirectory])
    t.equal(lines[5], '', 'no address is listened to')
  })

  t.test('ends by a fast shutdown and leaves no socket', async t => {
    const { options, log } = await prepare(t)
    const { pid, socketPath, exited, stop } = await start(t, options)
    const group = groupOf(pid)

    await stop()

    t.strictSame(await exited, { code: 0, signal: null })
    t.match(await log(), /received fast shutdown request[\s\S]*database system is shut down/)
    await untilGone({ postgresPid: pid, group })
    await t.rejects(stat(dirname(socketPath)), { code: 'ENOENT' })
  })

  t.test('is killed when it does not end', async t => {
    const { options } = await prepare(t)
    const { pid, exited, stop } = await start(t, { ...options, stopDeadlineMs: 100 })
    const group = groupOf(pid)
    process.kill(pid, 'SIGSTOP')

    await stop()

    t.strictSame(await exited, { code: null, signal: 'SIGKILL' })
    await untilGone({ postgresPid: pid, group })
  })

  t.test('keeps its shared memory in its folder, with which it goes however it ends', async t => {
    const { options } = await prepare(t)

    await start(t, options)

    t.not((await readdir(join(options.dataDirectory, 'pg_dynshmem'))).length, 0)
  })

  t.test('starts after a crash', async t => {
    const { options, log } = await prepare(t)
    const first = await start(t, options)
    process.kill(first.pid, 'SIGKILL')
    await first.exited

    const second = await start(t, options)

    t.not(second.pid, first.pid)
    t.match(await log(), /database system was interrupted/)
  })

  t.test('starts when its old pid belongs to a stranger of the same user', async t => {
    const { options } = await prepare(t)
    const first = await start(t, options)
    process.kill(first.pid, 'SIGKILL')
    await first.exited
    // Postgres itself would see a live process that it may signal, and refuse.
    const stranger = spawn('/bin/sh', ['-c', 'read -r _; exit'], { ...options.account })
    endWith(t, stranger)
    for (const path of [join(options.dataDirectory, 'postmaster.pid'), `${first.socketPath}.lock`]) {
      await writeFile(path, (await readFile(path, 'utf8')).replace(String(first.pid), String(stranger.pid)))
    }

    const second = await start(t, options)

    t.not(second.pid, first.pid)
    t.notOk(isGone(Number(stranger.pid)))
  })

  for (const text of [
    'lock file "postmaster.pid" already exists',
    'pre-existing shared memory block (key 225885, ID 32816) is still in use'
  ]) {
    t.test(`tries again when another one of the folder was about to end: ${text}`, async t => {
      const { options, home } = await prepare(t)
      const postgres = await script(
        join(home, 'postgres'),
        `[ -e '${home}/shared/tried' ] && exec '${options.binaries.postgres}' "$@"
         touch '${home}/shared/tried'
         echo 'FATAL:  ${text}' >&2
         exit 1`
      )
      await mkdir(join(home, 'shared'))
      await chmod(join(home, 'shared'), 0o777)

      const { pid } = await start(t, { ...options, binaries: { ...options.binaries, postgres } })

      t.notOk(isGone(pid))
    })
  }

  t.test('gives up when that happens again and again', async t => {
    const { options, home, log } = await prepare(t)
    const text = 'could not create lock file "/tmp/x/.s.PGSQL.5432.lock": No such file or directory'
    const postgres = await script(join(home, 'postgres'), `echo 'FATAL:  ${text}'; exit 1`)

    const starting = startPostgres({ ...options, binaries: { ...options.binaries, postgres } })

    await t.rejects(starting, { code: 'LOCAL_NEON_POSTGRES_FAILED' })
    t.equal((await log()).split(text).length - 1, 4)
  })

  t.test('fails with the reason that it gives itself, and leaves no socket', async t => {
    const { options } = await prepare(t)
    await appendFile(join(options.dataDirectory, 'postgresql.conf'), "nonsense = 'yes'\n")

    await t.rejects(startPostgres(options), {
      code: 'LOCAL_NEON_POSTGRES_FAILED',
      message: /^Postgres did not start \(exit code 1\): .*unrecognized configuration parameter "nonsense"/
    })
    await t.rejects(stat(socketDirectoryOf(options.dataDirectory)), { code: 'ENOENT' })
  })

  t.test('fails when it is not ready in time, and ends', async t => {
    const { home, options } = await prepare(t)
    const postgres = await script(join(home, 'never-ready'), 'while :; do sleep 1; done')
    const binaries = { ...options.binaries, postgres }

    await t.rejects(startPostgres({ ...options, binaries, startDeadlineMs: 0, stopDeadlineMs: 100 }), {
      code: 'LOCAL_NEON_POSTGRES_FAILED',
      message: /^Postgres was not ready within 0 ms/
    })
    // The shell that watches it ends behind it.
    await until('it is gone', async () => {
      const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'args='])
      return !stdout.includes(postgres)
    })
  })

  t.test('flushes to disk unless that is not wanted', async t => {
    const { options } = await prepare(t)
    await start(t, { ...options, fsync: true })
    const fast = await prepare(t)
    await start(t, fast.options)

    t.notMatch(await commandOf(options), /fsync=off/)
    t.match(await commandOf(fast.options), /fsync=off/)
  })

  t.test('is asked for nothing that an older line lacks', async t => {
    const home = await folder(t)
    const { directory, ...shared } = await clusterOptions(t, home)
    const old = { ...shared, binaries: { ...shared.binaries, major: 14 } }
    await prepareCluster({ ...old, directory })

    const { socketPath } = await start(t, { ...old, home, dataDirectory: dataDirectoryOf(directory) })

    const superuser = createSuperuser(socketPath)
    t.teardown(superuser.end)
    const asked = `SELECT current_setting('io_method'), datlocprovider,
      pg_has_role('neon_superuser', 'pg_create_subscription', 'member') FROM pg_database WHERE datname = 'neondb'`
    t.strictSame(await superuser.query(asked), [['worker', 'c', 'f']])
    t.match(await readFile(join(home, 'pg_hba.conf'), 'utf8'), /trust$/m)
  })
})

async function prepare(t: Test) {
  const home = await folder(t)
  await copyCluster(home)
  const { directory, ...shared } = await clusterOptions(t, home)
  const options: PostgresOptions = { home, dataDirectory: dataDirectoryOf(directory), ...shared }
  return { home, options, log: () => readFile(shared.serverLog.path, 'utf8') }
}

async function start(t: Test, options: PostgresOptions) {
  const postgres = await startPostgres(options)
  t.teardown(postgres.stop)
  t.equal(postgres.socketPath, socketPathOf(options.dataDirectory))
  return postgres
}

async function script(path: string, text: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${text}\n`)
  await chmod(path, 0o755)
  return path
}

/** What Postgres was started with; it writes that down itself. */
async function commandOf({ dataDirectory }: PostgresOptions): Promise<string> {
  return await readFile(join(dataDirectory, 'postmaster.opts'), 'utf8')
}
