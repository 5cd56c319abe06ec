import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findLocalNeon, startOrJoin } from '../../src/cli/join.ts'
import { localSettings } from '../../src/cli/settings.ts'
import type { LocalNeonEvent } from '../../src/events.ts'
import { LocalNeonError } from '../../src/failure.ts'
import type { LocalNeonOptions } from '../../src/options.ts'
import { homesOf } from '../../src/postgres/place.ts'
import { writeRunning } from '../../src/postgres/running.ts'
import { IDENTITY_HEADER } from '../../src/proxy/http.ts'
import { copyCluster, folder, start, systemFolder, until } from '../fixtures/sandbox.ts'

t.test('who starts a local Neon', async t => {
  t.test('has started it when none runs', async t => {
    const { settings, open } = await place(t)
    t.equal(await findLocalNeon(settings), undefined)

    const neon = await startOrJoin(settings, open)

    t.notOk('startedBy' in neon)
    t.match(await findLocalNeon(settings), { pid: process.pid, port: neon.port, url: neon.url })
  })

  t.test('joins the one that runs, hears its events, and leaves it running', async t => {
    const { settings, open } = await place(t)
    const neon = await open({ controlPort: 0 })

    const joined = await startOrJoin(settings, open)
    const events: LocalNeonEvent['type'][] = []
    const stop = joined.observe(({ type }) => events.push(type))
    await neon.suspend()
    await until('it hears of it', () => events.includes('suspend'))
    stop()
    await neon.wake()
    let hasEnded = false
    joined.exited.then(() => {
      hasEnded = true
    })
    await joined.close()

    t.match(joined, { startedBy: process.pid, url: neon.url, port: neon.port, controlUrl: neon.controlUrl })
    t.equal(neon.state, 'awake')
    t.strictSame(events, ['suspend'])
    await new Promise(setImmediate)
    t.equal(hasEnded, false)
  })

  t.test('is told when the one that it has joined ends', async t => {
    const { settings, open } = await place(t)
    const neon = await open({ controlPort: 0 })
    const joined = await startOrJoin(settings, open)

    await neon.close()

    await joined.exited
    t.equal(await findLocalNeon(settings), undefined)
  })

  t.test('cannot join one without a control interface, nor one that is gone again', async t => {
    const { settings, open } = await place(t)
    await open()
    const gone = await place(t)
    const refused = new LocalNeonError('LOCAL_NEON_ALREADY_RUNNING', 'served a moment ago')

    await t.rejects(startOrJoin(settings, open), { code: 'LOCAL_NEON_ALREADY_RUNNING' })
    await t.rejects(
      startOrJoin(gone.settings, () => Promise.reject(refused)),
      refused
    )
  })

  t.test('is told what else is wrong', async t => {
    const { settings, open } = await place(t)

    await t.rejects(
      startOrJoin(settings, () => open({ port: 65_536 })),
      { code: 'ERR_SOCKET_BAD_PORT' }
    )
  })
})

t.test('one whose control interface closes while it is joined is an error', async t => {
  const { settings } = await place(t)
  const [home = ''] = await homesOf(settings)
  const refused = new LocalNeonError('LOCAL_NEON_ALREADY_RUNNING', 'served')
  await writeRunning(home, { ...(await pretend(t)), controlPort: 1 })

  await t.rejects(
    startOrJoin(settings, () => Promise.reject(refused)),
    { code: 'ECONNREFUSED' }
  )
})

t.test('one that lies in the folder of the system is found', async t => {
  const { settings } = await place(t)
  const [, home = ''] = await homesOf(settings)
  await mkdir(home)
  const running = await pretend(t)
  await writeRunning(home, running)

  t.match(await findLocalNeon(settings), running)
})

t.test('without its folder there is none', async t => {
  const directory = join(await folder(t), 'none')

  t.equal(await findLocalNeon(localSettings({ LOCAL_NEON_DIRECTORY: directory })), undefined)
})

async function place(t: Test) {
  const directory = await folder(t)
  await copyCluster(directory)
  const LOCAL_NEON_SYSTEM_DIRECTORY = await systemFolder()
  const settings = localSettings({ LOCAL_NEON_DIRECTORY: directory, LOCAL_NEON_SYSTEM_DIRECTORY })
  const open = (options: Partial<LocalNeonOptions> = {}) =>
    start(t, { directory, wakeDelayMs: 0, wakeJitterMs: 0, ...options })
  return { settings, open }
}

/** What answers as a local Neon does that says who it is. */
async function pretend(t: Test) {
  const identity = 'the one that is written down'
  const server = createServer((_request, response) => {
    response.writeHead(426, { [IDENTITY_HEADER]: identity, connection: 'close' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? Number(address?.port) : 0
  return { pid: process.pid, port, url: 'postgresql://x', postgresPid: 0, identity }
}
