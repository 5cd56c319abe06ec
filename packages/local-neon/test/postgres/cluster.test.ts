import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { prepareCluster } from '../../src/postgres/cluster.ts'
import { clusterOptions, copyCluster, folder, isRoot } from '../fixtures/sandbox.ts'

t.test('cluster', async t => {
  t.test(
    'has a random password that this user alone can read, and data that its account alone can',
    async t => {
      const { options, directory } = await prepare(t)
      const other = await prepareCopy(t)

      const password = await prepareCluster(options)

      t.match(password, /^[\w-]{32}$/)
      t.not(password, await prepareCluster(other.options))
      t.equal((await stat(join(directory, 'password'))).mode & 0o777, 0o600)
      t.equal(await readFile(join(directory, 'password'), 'utf8'), `${password}\n`)
      t.match(await stat(join(directory, 'data')), { uid: options.account?.uid, mode: 0o40700 })
      const configuration = await readFile(join(directory, 'data', 'postgresql.conf'), 'utf8')
      t.match(configuration, /^dynamic_shared_memory_type = mmap/m, 'also while it is made')
    }
  )

  const skip = isRoot && 'initdb refuses to run as root'
  t.test('is made for this user when there is no other account', { skip }, async t => {
    const { options, directory } = await prepare(t)

    await prepareCluster({ ...options, account: undefined })

    t.match(await stat(join(directory, 'data')), { uid: options.account?.uid, mode: 0o40700 })
  })

  t.test('keeps data and password', async t => {
    const { options, directory } = await prepareCopy(t)
    const first = await prepareCluster(options)
    const { ino } = await stat(join(directory, 'data'))

    const second = await prepareCluster(options)

    t.equal(second, first)
    t.equal((await stat(join(directory, 'data'))).ino, ino)
  })

  t.test('gets a new password when the file is missing or damaged', async t => {
    const { options, directory } = await prepareCopy(t)
    const first = await prepareCluster(options)
    const { ino } = await stat(join(directory, 'data'))

    await rm(join(directory, 'password'))
    const second = await prepareCluster(options)
    await writeFile(join(directory, 'password'), 'short')
    const third = await prepareCluster(options)

    t.equal(new Set([first, second, third]).size, 3)
    t.equal(await prepareCluster(options), third)
    t.equal((await stat(join(directory, 'data'))).ino, ino)
  })

  t.test('fails when a statement does, without a password in the log', async t => {
    const { options, home, directory } = await prepareCopy(t)
    await rm(join(directory, 'password'))
    // Postgres as it is, asked for a role that does not exist.
    const postgres = join(home, 'postgres')
    const script = `#!/bin/sh\nsed s/neondb_owner/missing_role/ | '${options.binaries.postgres}' "$@"\n`
    await writeFile(postgres, script, { mode: 0o755 })

    await t.rejects(prepareCluster({ ...options, binaries: { ...options.binaries, postgres } }), {
      code: 'LOCAL_NEON_POSTGRES_FAILED',
      message: /role "missing_role" does not exist/
    })

    t.notMatch(await readFile(options.serverLog.path, 'utf8'), /PASSWORD '/)
    await t.rejects(readFile(join(directory, 'password')), { code: 'ENOENT' })
  })

  t.test('is made again after a start that was interrupted half-way', async t => {
    const { options, home, directory } = await prepare(t)
    await mkdir(join(`${directory}.making-999999999-abc`, 'data'), { recursive: true })

    await prepareCluster(options)

    t.strictSame(await namesIn(home), ['cluster', 'log'])
  })

  t.test('is made once when two start together, without a flush where none is wanted', async t => {
    const { options, home } = await prepare(t)

    const [one, two] = await Promise.all([prepareCluster(options), prepareCluster(options)])

    t.equal(one, two)
    t.strictSame(await namesIn(home), ['cluster', 'log'])
    t.match(await readFile(options.serverLog.path, 'utf8'), /Sync to disk skipped/)
  })

  t.test('leaves nothing when initdb fails, and quotes it', async t => {
    const { options, home } = await prepare(t)
    const initdb = join(home, 'initdb')
    await writeFile(initdb, '#!/bin/sh\necho no space left\nexit 3\n')
    await chmod(initdb, 0o755)

    await t.rejects(prepareCluster({ ...options, binaries: { ...options.binaries, initdb } }), {
      code: 'LOCAL_NEON_POSTGRES_FAILED',
      message: `${initdb} failed (exit code 3): no space left`
    })

    t.strictSame(await namesIn(home), ['initdb', 'log'])
  })

  t.test('is flushed to disk where that is wanted', async t => {
    const { options } = await prepare(t)

    await prepareCluster({ ...options, fsync: true })

    t.match(await readFile(options.serverLog.path, 'utf8'), /syncing data to disk/)
  })
})

async function prepare(t: Test) {
  const home = await folder(t)
  const options = await clusterOptions(t, home)
  return { home, directory: options.directory, options }
}

/** With a cluster that is there. */
async function prepareCopy(t: Test) {
  const prepared = await prepare(t)
  await copyCluster(prepared.home)
  return prepared
}

/** But for the copy of the programs, which is there when Postgres cannot reach those of this project. */
async function namesIn(home: string): Promise<string[]> {
  return (await readdir(home)).filter(name => name !== 'copies')
}
