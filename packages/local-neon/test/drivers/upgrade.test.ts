/**
 * What the driver makes of an upgrade that is answered with something else, or never.
 */
import { Client, Pool } from '@neondatabase/serverless'
import t from 'tap'
import { WebSocket } from 'ws'
import type { Fault } from '../../src/local-neon.ts'
import { connectNeon, connectPg } from '../fixtures/drivers.ts'
import { start } from '../fixtures/sandbox.ts'

const neon = await start(t)
t.afterEach(() => neon.clearFaults())

t.test('an upgrade', async t => {
  for (const status of [401, 403, 429, 502, 503] as const) {
    t.test(`that is answered ${status} fails the connect with an ErrorEvent, which is no Error`, async t => {
      const fault = neon.inject({ type: 'upgrade', status })

      const event = await connectNeon(t, neon.url).catch((thrown: unknown) => thrown)

      t.notOk(event instanceof Error)
      t.match(event, { message: `Unexpected server response: ${status}` })
      t.equal(fault.hits, 1)
    })
  }

  t.test('that is never answered holds the driver until its own deadline', async t => {
    const fault: Fault = { type: 'upgrade', status: 'never' }
    neon.inject(fault)
    const pool = new Pool({ connectionString: neon.url, connectionTimeoutMillis: 50 })
    t.teardown(() => pool.end())
    pool.Client = class extends Client {
      constructor(config: ConstructorParameters<typeof Client>[0]) {
        super(config)
        Object.assign(this.neonConfig, {
          webSocketConstructor: WebSocket,
          useSecureWebSocket: false,
          wsProxy: (host: string, port: number) => `${host}:${port}/v2`
        })
      }
    }

    await t.rejects(pool.query('SELECT 1'), { message: /timeout/ })
  })

  t.test('is no matter for plain Postgres', async t => {
    const fault = neon.inject({ type: 'upgrade', status: 503 })

    const client = await connectPg(t, neon.url)

    t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    t.equal(fault.hits, 0)
  })

  t.test('works again when the fault is undone', async t => {
    const fault = neon.inject({ type: 'upgrade', status: 503 })
    await t.rejects(connectNeon(t, neon.url))

    fault.remove()

    const client = await connectNeon(t, neon.url)
    t.strictSame((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  })
})
