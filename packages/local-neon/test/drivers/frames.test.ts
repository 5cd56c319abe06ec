/**
 * Answers that arrive damaged in a frame that is whole: the driver as it comes throws in the
 * listener of its socket, which is an uncaught exception, or waits for ever.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { NODE_ARGS } from '../../../../test/support/processes.ts'
import { connectPg } from '../fixtures/drivers.ts'
import { endWith, start, until } from '../fixtures/sandbox.ts'

const BARE_DRIVER = fileURLToPath(new URL('../fixtures/bare-driver.ts', import.meta.url))

const neon = await start(t)
t.afterEach(() => neon.clearFaults())

t.test('an answer to the Neon driver', async t => {
  t.test('that is noise takes the process down, or is never understood', async t => {
    const { ended, said } = await bareDriver(t)
    const fault = neon.inject({ type: 'garble', times: 1 })

    said.ask('SELECT 1 AS one')

    // A length of 0xffffffff is waited for: the statement has no answer and no error.
    await until('the answer was noise', () => fault.hits === 1)
    neon.inject({ type: 'reset' })
    t.match(await ended, /Connection terminated unexpectedly|uncaught/)
  })

  t.test('that is cut in half leaves the rest to be misread', async t => {
    const { ended, said } = await bareDriver(t)
    const fault = neon.inject({ type: 'truncate', times: 1 })

    said.ask('SELECT 1 AS one')
    await until('the answer was cut', () => fault.hits === 1)
    said.ask('SELECT 2 AS two')
    neon.inject({ type: 'reset' })

    t.notMatch(await ended, /"one":1/)
  })
})

t.test('an answer to pg', async t => {
  for (const type of ['garble', 'truncate'] as const) {
    t.test(`is not understood after ${type}`, async t => {
      const client = await connectPg(t, neon.url)
      const fault = neon.inject({ type, times: 1 })
      const failed = t.rejects(client.query('SELECT 1 AS one'))

      await until('it was met', () => fault.hits === 1)
      neon.inject({ type: 'reset' })

      await failed
    })
  }
})

/** A process with one client of the driver as it comes; it prints what it gets, and what ends it. */
async function bareDriver(t: Test) {
  const child = spawn(process.execPath, [...NODE_ARGS, BARE_DRIVER, neon.url], { stdio: 'pipe' })
  endWith(t, child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk
    })
  }
  await until('it is connected', () => output.includes('connected'))
  return {
    ended: once(child, 'close').then(() => output),
    said: { ask: (text: string) => child.stdin.write(`${text}\n`) }
  }
}
