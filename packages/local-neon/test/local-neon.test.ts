import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { dataDirectoryOf } from '../src/postgres/cluster.ts'
import { socketDirectoryOf } from '../src/postgres/socket-directory.ts'
import { connectPg } from './fixtures/drivers.ts'
import { copyCluster, folder, groupOf, isRoot, start, untilGone } from './fixtures/sandbox.ts'

t.test('local Neon', async t => {
  t.test('is made and started in a folder that is not there', async t => {
    const directory = join(await folder(t), 'project', '.local-neon')

    const neon = await start(t, { directory })

    t.match(neon.url, /^postgresql:\/\/neondb_owner:[\w-]{32}@127\.0\.0\.1:\d+\/neondb$/)
    t.equal(new URL(neon.url).port, String(neon.port))
    t.strictSame(await query(t, neon.url, 'SELECT 1 AS one'), [{ one: 1 }])
  })

  t.test('keeps data and password', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const first = await start(t, { directory })
    await query(t, first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await first.close()

    const second = await start(t, { directory })

    t.strictSame(await query(t, second.url, 'SELECT answer FROM kept'), [{ answer: 42 }])
    t.equal(new URL(second.url).password, new URL(first.url).password)
  })

  t.test('takes the port asked for', async t => {
    const first = await start(t)
    await first.close()

    const second = await start(t, { port: first.port })

    t.match(second, { port: first.port, portWasTaken: false })
  })

  t.test('takes another port when that one is taken, and says so', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.teardown(() => taken.close())
    await once(taken, 'listening')
    const address = taken.address()
    const port = typeof address === 'object' && address ? address.port : 0

    const neon = await start(t, { port })

    t.equal(neon.portWasTaken, true)
    t.strictSame(await query(t, neon.url, 'SELECT 1 AS one'), [{ one: 1 }])
  })

  t.test('runs beside the one of another project', async t => {
    const [one, two] = await Promise.all([start(t), start(t)])

    await query(t, one.url, 'CREATE TABLE mine ()')

    t.strictSame(await query(t, two.url, "SELECT to_regclass('mine') AS found"), [{ found: null }])
  })

  t.test('refuses a folder that is served, and says by whom', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const neon = await start(t, { directory })

    await t.rejects(start(t, { directory }), {
      code: 'LOCAL_NEON_ALREADY_RUNNING',
      message: `${directory} is served already by pid ${process.pid} at 127.0.0.1:${neon.port}`
    })
    t.match(await readFile(join(directory, 'postgres.log'), 'utf8'), 'ready to accept connections')
    t.strictSame(await query(t, neon.url, 'SELECT 1 AS one'), [{ one: 1 }])
  })

  t.test('lets one of two win that start together in a new folder', async t => {
    const directory = await folder(t)

    const starts = await Promise.allSettled([start(t, { directory }), start(t, { directory })])

    const [won] = starts.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const lost = starts.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
    t.match(lost, [{ code: 'LOCAL_NEON_ALREADY_RUNNING' }])
    t.strictSame(await query(t, String(won?.url), 'SELECT 1 AS one'), [{ one: 1 }])
  })

  t.test('starts again while the one before is closing', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const first = await start(t, { directory })

    const [second] = await Promise.all([startWhenClosing(), first.close()])

    t.not(second.postgresPid, first.postgresPid)

    function startWhenClosing() {
      first.close()
      return start(t, { directory })
    }
  })

  t.test('leaves no Postgres when it cannot listen', async t => {
    const directory = await folder(t)
    await copyCluster(directory)

    await t.rejects(start(t, { directory, port: 65_536 }), { code: 'ERR_SOCKET_BAD_PORT' })

    const data = dataDirectoryOf(join(directory, 'cluster'))
    t.notOk((await readdir(data)).includes('postmaster.pid'))
    await t.rejects(stat(socketDirectoryOf(data)), { code: 'ENOENT' })
  })

  t.test('tells when Postgres ends without being asked to', async t => {
    const neon = await start(t)

    process.kill(Number(neon.postgresPid), 'SIGKILL')

    t.strictSame(await neon.exited, { code: null, signal: 'SIGKILL' })
    await t.rejects(connectPg(t, neon.url))
  })

  t.test('does not call a close an unasked end', async t => {
    const neon = await start(t)
    let isCalled = false
    neon.exited.then(() => {
      isCalled = true
    })

    await neon.close()
    await new Promise(setImmediate)

    t.equal(isCalled, false)
  })

  t.test('closes once, and leaves neither process nor socket nor record', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const neon = await start(t, { directory })
    const postgresPid = Number(neon.postgresPid)
    const group = groupOf(postgresPid)

    t.equal(neon.close(), neon.close())
    await neon.close()

    await untilGone({ postgresPid, group })
    // The system folder is there when Postgres cannot reach the programs of this project.
    const names = (await readdir(directory)).filter(name => name !== 'system')
    t.strictSame(names.sort(), ['cluster', 'pg_hba.conf', 'pg_ident.conf', 'postgres.log'])
    await t.rejects(stat(socketDirectoryOf(dataDirectoryOf(join(directory, 'cluster')))), { code: 'ENOENT' })
  })

  t.test('starts its log again each time', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    await writeFile(join(directory, 'postgres.log'), 'yesterday')

    await start(t, { directory })

    t.match(
      await readFile(join(directory, 'postgres.log'), 'utf8'),
      /^(?!yesterday)[\s\S]*ready to accept connections/
    )
  })

  t.test('flushes to disk unless that is not wanted', async t => {
    const neon = await start(t, { fsync: undefined })

    t.strictSame(await query(t, neon.url, 'SHOW fsync'), [{ fsync: 'on' }])
    t.strictSame(await query(t, (await start(t)).url, 'SHOW fsync'), [{ fsync: 'off' }])
  })

  const skip = !isRoot && 'only root lends Postgres another user'
  t.test(
    'lies in a folder of the system when its user cannot get to the one asked for',
    { skip },
    async t => {
      const base = await folder(t)
      const closed = join(base, 'closed')
      await mkdir(closed, { mode: 0o700 })
      const lines: string[] = []
      const options = { systemDirectory: join(base, 'system'), log: (line: string) => lines.push(line) }

      const neon = await start(t, { directory: join(closed, '.local-neon'), ...options })

      t.match(lines, [/^Data lie in /])
      t.match(await query(t, neon.url, 'SELECT 1 AS one'), [{ one: 1 }])
      t.strictSame(await readdir(join(closed, '.local-neon')), [])
      t.match(await readdir(join(base, 'system')), [/^closed-[0-9a-f]{8}$/])
    }
  )
})

async function query(t: Test, url: string, text: string) {
  const client = await connectPg(t, url)
  const { rows } = await client.query(text)
  await client.end()
  return rows
}
