/**
 * Links that end: by a reset or by a close, those that are there or those that come.
 */
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { DRIVERS, endOf } from '../fixtures/drivers.ts'
import { start, until } from '../fixtures/sandbox.ts'

const neon = await start(t)

for (const { name, connect } of DRIVERS) {
  t.test(`a link of ${name}`, async t => {
    t.afterEach(() => neon.clearFaults())

    for (const type of ['reset', 'close'] as const) {
      t.test(`that is there ends by a ${type}, and the next one works`, async t => {
        // Those of the tests before may not have ended yet.
        const applicationName = `of-${type}`
        const url = new URL(neon.url)
        url.searchParams.set('application_name', applicationName)
        const client = await connect(t, url.href)
        const ended = endOf(client)

        const fault = neon.inject({ type, where: { applicationName } })

        await ended
        t.equal(fault.hits, 1)
        t.strictSame(await one(t, connect), [{ one: 1 }])
      })

      t.test(`that comes ends by a ${type}, until the fault is spent`, async t => {
        const there = await connect(t, neon.url)
        const fault = neon.inject({ type, connections: 'new', times: 2 })

        await t.rejects(connect(t, neon.url))
        await t.rejects(connect(t, neon.url))

        t.strictSame(await one(t, connect), [{ one: 1 }])
        t.strictSame((await there.query('SELECT 2 AS two')).rows, [{ two: 2 }])
        t.equal(fault.hits, 2)
      })
    }

    t.test('ends a statement under way with it', async t => {
      const client = await connect(t, neon.url)
      const answer = client.query('SELECT pg_sleep(60)')
      const failed = t.rejects(answer)
      await until('the statement has come', () => neon.meter().queries > 0)

      neon.inject({ type: 'reset' })

      await failed
    })

    t.test('lets so many by before it is met', async t => {
      const fault = neon.inject({ type: 'reset', connections: 'new', after: 1, times: 1 })

      t.strictSame(await one(t, connect), [{ one: 1 }])
      await t.rejects(connect(t, neon.url))

      t.equal(fault.hits, 1)
    })

    t.test('ends for those alone that it is meant for', async t => {
      const url = new URL(neon.url)
      url.searchParams.set('application_name', 'victim')
      const [victim, other] = [await connect(t, url.href), await connect(t, neon.url)]
      const ended = endOf(victim)

      neon.inject({ type: 'reset', where: { applicationName: 'victim' } })

      await ended
      t.strictSame((await other.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    })
  })
}

t.test('a WebSocket', async t => {
  t.test('is closed with the code that was asked for, 1001 if none was', async t => {
    for (const [code, expected] of [
      [undefined, 1001],
      [1011, 1011],
      [4000, 4000]
    ]) {
      const socket = new WebSocket(`ws://127.0.0.1:${neon.port}/v2`)
      t.teardown(() => socket.terminate())
      await new Promise(resolve => socket.once('open', resolve))
      const closed = new Promise(resolve => socket.once('close', resolve))

      const fault = neon.inject({ type: 'close', ...(code && { code }), where: { transport: 'ws' } })

      t.equal(await closed, expected)
      fault.remove()
    }
  })
})

async function one(t: Test, connect: (typeof DRIVERS)[number]['connect']) {
  const client = await connect(t, neon.url)
  return (await client.query('SELECT 1 AS one')).rows
}
