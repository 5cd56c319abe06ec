/**
 * What the faults do to users of the pool that the driver of Neon brings, with its settings as
 * they come: the login is sent with the first statement, and nothing looks after a client.
 */
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { checkOut, NEON_DRIVER, urlWith } from '../fixtures/bare.ts'
import { start, until } from '../fixtures/sandbox.ts'

const CONNECT_MS = 100
const PENDING = Symbol('pending')
const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })
t.afterEach(() => neon.clearFaults())

t.test('the pool of the Neon driver', async t => {
  t.test('calls itself connected before the password is checked', async t => {
    const pool = NEON_DRIVER.open(t, urlWith(neon.url, { password: 'wrong' }))

    const client = await checkOut(t, pool)

    await t.rejects(client.query('SELECT 1'), { code: 'XX000', message: /^password authentication failed/ })
  })

  t.test('waits for its login without end, though it has a timeout for connecting', async t => {
    const pool = NEON_DRIVER.open(t, neon.url, { connectionTimeoutMillis: CONNECT_MS })
    const client = await checkOut(t, pool)
    const { sessions } = neon.meter()
    const hole = neon.inject({ type: 'blackhole', direction: 'to-server', connections: 'existing' })

    const answer = client.query('SELECT 1 AS one')

    t.equal(await Promise.race([answer, setTimeout(3 * CONNECT_MS, PENDING)]), PENDING)
    t.equal(neon.meter().sessions, sessions)
    hole.remove()
    t.match(await answer, { rows: [{ one: 1 }] })
  })

  t.test('hears of a wake that fails from the first statement', async t => {
    await neon.suspend()
    neon.inject({ type: 'wake', message: 'compute-unreachable' })
    const client = await checkOut(t, NEON_DRIVER.open(t, neon.url))

    await t.rejects(client.query('SELECT 1'), { code: 'XX000', message: "Couldn't connect to compute node" })
  })

  t.test('has an uncaught exception when a client that nobody listens to loses its link', async t => {
    const client = await NEON_DRIVER.open(t, neon.url).connect()
    await client.query('SELECT 1')
    const uncaught = uncaughtException(t)

    neon.inject({ type: 'reset' })

    t.match(await uncaught, { message: 'Connection terminated unexpectedly' })
  })

  t.test('fails a statement under way without a code when the link is reset', async t => {
    const client = await checkOut(t, NEON_DRIVER.open(t, neon.url))
    const { queries } = neon.meter()
    const answer = client.query('SELECT pg_sleep(60)')
    const failed = t.rejects(answer, { message: 'Connection terminated unexpectedly', code: undefined })
    await until('it has come', () => neon.meter().queries > queries)

    neon.inject({ type: 'reset' })

    await failed
  })

  t.test('says the same of a lost COMMIT and of a lost acknowledgement', async t => {
    await NEON_DRIVER.open(t, neon.url).query('CREATE TABLE written (lost text)')
    const told: unknown[] = []

    for (const lose of ['request', 'acknowledgement'] as const) {
      const client = await checkOut(t, NEON_DRIVER.open(t, neon.url))
      const fault = neon.inject({ type: 'commit', lose, times: 1 })
      await client.query('BEGIN')
      await client.query('INSERT INTO written VALUES ($1)', [lose])
      told.push(await client.query('COMMIT').catch(({ message, code }) => ({ message, code })))
      fault.remove()
    }

    const [request, acknowledgement] = told
    t.match(request, { message: 'Connection terminated unexpectedly' })
    t.strictSame(request, acknowledgement)
    const { rows } = await NEON_DRIVER.open(t, neon.url).query('SELECT lost FROM written')
    t.strictSame(rows, [{ lost: 'acknowledgement' }])
  })

  t.test('rejects with an ErrorEvent, which has no code, when the upgrade is refused', async t => {
    neon.inject({ type: 'upgrade', status: 503 })

    const thrown = await NEON_DRIVER.open(t, neon.url)
      .query('SELECT 1')
      .catch((thrown: unknown) => thrown)

    t.notOk(thrown instanceof Error)
    t.match(thrown, { message: 'Unexpected server response: 503', code: undefined })
  })
})

/** The next one, which ends neither the process nor the test. */
async function uncaughtException(t: Test): Promise<unknown> {
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  t.teardown(() => {
    for (const listener of others) process.on('uncaughtException', listener)
  })
  const [error] = await once(process, 'uncaughtException')
  return error
}
