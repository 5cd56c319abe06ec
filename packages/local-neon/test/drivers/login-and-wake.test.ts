/**
 * Logins and wakes that fail on command, and a server with no room.
 */
import t, { type Test } from 'tap'
import type { Fault } from '../../src/local-neon.ts'
import { REFUSALS } from '../../src/proxy/refusals.ts'
import { DRIVERS } from '../fixtures/drivers.ts'
import { start } from '../fixtures/sandbox.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
t.afterEach(() => neon.clearFaults())

for (const { name, connect } of DRIVERS) {
  t.test(`a login through ${name}`, async t => {
    t.test('is refused with each of the texts of Neon', async t => {
      for (const [message, text] of Object.entries(REFUSALS)) {
        const fault = neon.inject({ type: 'login', message } as Fault)

        await t.rejects(connect(t, neon.url), { severity: 'ERROR', code: 'XX000', message: text })

        fault.remove()
      }
    })

    t.test('is refused with a text of one’s own, the n-th alone', async t => {
      const fault = neon.inject({ type: 'login', message: 'not this time', after: 1, times: 1 })

      await works(t)
      await t.rejects(connect(t, neon.url), { message: 'not this time' })
      await works(t)

      t.equal(fault.hits, 1)
    })

    t.test('is refused for one user, whatever the password', async t => {
      neon.inject({ type: 'login', message: 'quota-exceeded', where: { user: 'neondb_owner' } })

      await t.rejects(connect(t, neon.url.replace(/:[^:@/]+@/, ':wrong@')), {
        message: REFUSALS['quota-exceeded']
      })
    })

    t.test('is refused when there are as many sessions as there may be', async t => {
      neon.inject({ type: 'connection-limit', limit: 1 })
      const first = await connect(t, neon.url)

      await t.rejects(connect(t, neon.url), {
        code: 'XX000',
        message: 'sorry, too many clients already'
      })

      t.strictSame((await first.query('SELECT 1 AS one')).rows, [{ one: 1 }])
      neon.clearFaults()
      await works(t)
    })

    t.test('is counted from its beginning, so that of many at once no more get in', async t => {
      // Ends all sessions that there are.
      await neon.suspend()
      neon.inject({ type: 'connection-limit', limit: 2 })

      const logins = await Promise.allSettled(Array.from({ length: 6 }, () => connect(t, neon.url)))

      t.equal(logins.filter(({ status }) => status === 'fulfilled').length, 2)
    })

    t.test('fails when the compute does not wake, and heals', async t => {
      await neon.suspend()
      const fault = neon.inject({ type: 'wake', message: 'control-plane', times: 2 })

      await t.rejects(connect(t, neon.url), { message: 'Control plane request failed' })
      t.equal(neon.state, 'asleep')
      await t.rejects(connect(t, neon.url), { message: 'Control plane request failed' })

      await works(t)
      t.equal(fault.hits, 2)
    })

    t.test('waits for a wake that takes long', async t => {
      await neon.suspend()
      neon.inject({ type: 'wake', delayMs: 700 })
      const begunMs = performance.now()

      await works(t)

      t.ok(performance.now() - begunMs >= 699)
    })

    async function works(t: Test) {
      const client = await connect(t, neon.url)
      t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
      await client.end()
    }
  })
}
