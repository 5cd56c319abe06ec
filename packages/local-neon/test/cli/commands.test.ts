import t, { type Test } from 'tap'
import { runCommand } from '../../src/cli/commands.ts'
import { localSettings } from '../../src/cli/settings.ts'
import { folder, start, systemFolder } from '../fixtures/sandbox.ts'

t.test('npx local-neon COMMAND', async t => {
  const { neon, ask } = await serve(t)

  t.test('prints state, meter and faults', async t => {
    t.match(JSON.parse(await ask('status')), { state: 'awake', meter: { wakes: 0 }, faults: [] })
  })

  t.test('prints the URL of the console, with its token', async t => {
    t.equal(await ask('console'), neon.consoleUrl)
    t.match(neon.consoleUrl, /^http:\/\/127\.0\.0\.1:\d+\/console#[\w-]{43}$/)
  })

  t.test('suspends and wakes', async t => {
    t.match(JSON.parse(await ask('suspend')), { state: 'asleep' })
    t.equal(neon.state, 'asleep')
    t.match(JSON.parse(await ask('wake')), { state: 'awake', meter: { wakes: 1 } })
  })

  t.test('begins a fault from words, lists it, and ends it', async t => {
    const words = ['latency', 'toServerMs=2.5', 'connections=new', 'where.user=alice', 'where.transport=ws']

    const { id } = JSON.parse(await ask('fault', ...words))

    const fault = {
      type: 'latency',
      toServerMs: 2.5,
      connections: 'new',
      where: { user: 'alice', transport: 'ws' }
    }
    t.strictSame(neon.faults()[0]?.fault, fault)
    t.match(JSON.parse(await ask('faults')), [{ id, fault }])
    t.equal(await ask('heal', id), 'done')
    t.strictSame(neon.faults(), [])
  })

  t.test('ends all faults', async t => {
    await ask('fault', 'truncate')
    await ask('fault', 'garble')

    t.equal(await ask('heal'), 'done')

    t.strictSame(neon.faults(), [])
  })

  t.test('ends backends', async t => {
    t.strictSame(JSON.parse(await ask('kill')), { killed: 0 })
    t.strictSame(JSON.parse(await ask('kill', '1')), { killed: 0 })
  })

  t.test('says what is wrong', async t => {
    await t.rejects(ask('fault', 'fire'), { message: /^A fault has one of these types: latency,/ })
    await t.rejects(ask('fault', 'latency', 'fast'), { message: /NAME=VALUE, not fast/ })
    await t.rejects(ask('heal', 'none'), { message: 'there is no fault none' })
    await t.rejects(ask('dance'), { message: /^there is no command dance\n[\s\S]*--suspend-after-ms/ })
  })

  t.test('says that nobody serves the folder', async t => {
    const settings = await settingsFor(await folder(t))

    await t.rejects(runCommand(settings, 'status', []), {
      message: /^no local Neon serves .*npx local-neon$/
    })
  })

  t.test('says that who served the folder does not answer', async t => {
    const directory = await folder(t)
    const served = await start(t, { directory, controlPort: 0 })
    const { writeRunning } = await import('../../src/postgres/running.ts')
    await served.close()
    await writeRunning(directory, { pid: 1, port: 1, url: '', controlPort: 1, postgresPid: 1, identity: '' })

    const settings = await settingsFor(directory)

    await t.rejects(runCommand(settings, 'status', []), { message: /does not answer at http:/ })
  })
})

async function serve(t: Test) {
  const directory = await folder(t)
  const neon = await start(t, { directory, controlPort: 0, wakeDelayMs: 0, wakeJitterMs: 0 })
  const settings = await settingsFor(directory)
  return { neon, ask: (command: string, ...words: string[]) => runCommand(settings, command, words) }
}

async function settingsFor(directory: string) {
  return localSettings({
    LOCAL_NEON_DIRECTORY: directory,
    LOCAL_NEON_SYSTEM_DIRECTORY: await systemFolder()
  })
}
