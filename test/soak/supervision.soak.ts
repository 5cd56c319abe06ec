/**
 * However a process with a local Neon ends, its Postgres ends as well, and the next start works.
 */
import { once } from 'node:events'
import { chown, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { canReach } from '../../packages/local-neon/src/postgres/account.ts'
import { connectPg } from '../../packages/local-neon/test/fixtures/drivers.ts'
import {
  copyCluster,
  folder,
  isRoot,
  type Served,
  serve,
  spawnServe,
  start,
  until,
  untilGone
} from '../../packages/local-neon/test/fixtures/sandbox.ts'

const SOURCE = fileURLToPath(new URL('../../packages/local-neon/src', import.meta.url))
const ORDINARY = { uid: 65_534, gid: 65_534 }
const OTHER_UID = 12_345

t.test('Postgres ends with its process', async t => {
  t.test('when that closes it and ends by itself', async t => {
    const served = await serveCopy(t, 'close')

    served.child.stdin?.write('now')

    t.strictSame(await once(served.child, 'exit'), [0, null])
    await untilGone(served)
  })

  t.test('when that calls process.exit()', async t => {
    const served = await serveCopy(t, 'exit')

    served.child.stdin?.write('now')

    t.strictSame(await once(served.child, 'exit'), [3, null])
    await untilGone(served)
  })

  t.test('when that has an uncaught exception', async t => {
    const served = await serveCopy(t, 'throw')

    served.child.stdin?.write('now')

    t.strictSame(await once(served.child, 'exit'), [1, null])
    await untilGone(served)
  })

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    t.test(`when that is ended by ${signal}, with a statement running`, async t => {
      const served = await serveCopy(t)
      const client = await connectPg(t, served.url)
      const sleeping = t.rejects(client.query('SELECT pg_sleep(600)'))

      served.child.kill(signal)

      t.strictSame(await once(served.child, 'exit'), [null, signal])
      await sleeping
      await untilGone(served)
    })
  }

  t.test('in order: what was committed is there at once for the next start', async t => {
    const served = await serveCopy(t)
    const client = await connectPg(t, served.url)
    await client.query('CREATE TABLE kept AS SELECT 42 AS answer')

    served.child.kill('SIGKILL')
    const neon = await start(t, { directory: served.directory })

    const again = await connectPg(t, neon.url)
    t.strictSame((await again.query('SELECT answer FROM kept')).rows, [{ answer: 42 }])
    const log = await readFile(join(served.directory, 'postgres.log'), 'utf8')
    t.match(log, /database system was shut down at/, 'by a shutdown, not by a crash')
    await untilGone(served)
  })
})

t.test('a folder', async t => {
  t.test('is not spoilt by a first start that is killed half-way', async t => {
    const directory = await folder(t)
    const child = await spawnServe(t, directory)
    await until('initdb writes', async () => (await makingIn(directory)).length > 0)
    child.kill('SIGKILL')
    await once(child, 'exit')

    const neon = await start(t, { directory })

    t.strictSame(await one(t, neon.url), [{ one: 1 }])
  })

  t.test('is free at once when the process and its Postgres are killed', async t => {
    const served = await serveCopy(t)
    served.child.kill('SIGKILL')
    process.kill(-served.group, 'SIGKILL')

    const neon = await start(t, { directory: served.directory })

    t.strictSame(await one(t, neon.url), [{ one: 1 }])
  })

  t.test('is refused while another process serves it, which is named', async t => {
    const served = await serveCopy(t)

    await t.rejects(start(t, { directory: served.directory }), {
      code: 'LOCAL_NEON_ALREADY_RUNNING',
      message: `pid ${served.pid} at 127.0.0.1:${new URL(served.url).port}`
    })
  })
})

t.test('an ordinary user', async t => {
  const skip = await reasonToSkip()

  t.test(
    'runs Postgres as itself, with all in the folder, while root started the test',
    { skip },
    async t => {
      const home = await folder(t)
      await chown(home, ORDINARY.uid, ORDINARY.gid)
      // Nothing of the environment of a test run: its coverage is not this user's to write.
      const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home }
      const directory = join(home, '.local-neon')

      const served = await serve(t, directory, { account: ORDINARY, env })

      t.strictSame(await one(t, served.url), [{ one: 1 }])
      t.match(await stat(join(directory, 'cluster/data')), ORDINARY)
      served.child.kill('SIGKILL')
      await untilGone(served)
    }
  )

  t.test('is told whose the data are, when they are another user’s', { skip }, async t => {
    const home = await folder(t)
    await copyCluster(home)
    await chown(home, ORDINARY.uid, ORDINARY.gid)
    await chown(join(home, 'cluster/data'), OTHER_UID, OTHER_UID)
    const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home }

    await t.rejects(serve(t, home, { account: ORDINARY, env }), { message: /belongs to uid 12345/ })
  })
})

async function serveCopy(t: Test, then?: string): Promise<Served> {
  const directory = await folder(t)
  await copyCluster(directory)
  return await serve(t, directory, { then })
}

async function makingIn(directory: string): Promise<string[]> {
  const names = await readdir(directory)
  return names.filter(name => name.includes('.making-'))
}

async function one(t: Test, url: string) {
  const client = await connectPg(t, url)
  return (await client.query('SELECT 1 AS one')).rows
}

async function reasonToSkip(): Promise<string | false> {
  if (!isRoot) return 'all tests run as an ordinary user'
  return (
    !(await canReach(ORDINARY, [SOURCE, process.execPath])) && 'it cannot enter the folder of the sources'
  )
}
