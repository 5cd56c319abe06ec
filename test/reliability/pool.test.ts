/**
 * A pool that is used up, held back, worn out, cut off and stormed.
 */
import t from 'tap'
import { start } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { until } from '../support/app.ts'
import { holdTable, isWaiting } from '../support/postgres.ts'
import { scenario } from './support/scenario.ts'

const neon = await start(t, { wakeDelayMs: 0, wakeJitterMs: 0 })

/** Writes of as many users. */
const writers = (count: number) => Array.from({ length: count }, (_, index) => `writer-${index}`)

scenario(
  t,
  'more requests than the queue takes are refused at once, and who waits is served in turn',
  { neon, limits: { max: 1, maxWaiting: 3 } },
  async (t, service) => {
    const release = await holdTable(t, service.databaseUrl)
    const served: string[] = []
    const note = (user: string) =>
      service.write(user).then(write => {
        if (write.outcome === 'acknowledged') served.push(user)
      })
    const first = note('first')
    await until(() => isWaiting(service.databaseUrl))
    const waiting: Promise<void>[] = []
    for (const user of writers(3)) {
      const before = service.stats().waiting
      waiting.push(note(user))
      await until(() => service.stats().waiting === before + 1)
    }

    const refused = await service.write('one too many')

    t.match(refused, { status: 503, code: 'FST_NEON_EXHAUSTED', outcome: 'failed' })
    t.match(refused.headers?.get('retry-after'), /^[123]$/)
    await release()
    await Promise.all([first, ...waiting])
    t.strictSame(served, ['first', ...writers(3)])
  }
)

scenario(
  t,
  'a wait for a client ends at its deadline',
  { neon, limits: { max: 1, checkoutTimeoutMs: 200, statementTimeoutMs: 10_000 } },
  async (t, service) => {
    const release = await holdTable(t, service.databaseUrl)
    const first = service.write('first')
    await until(() => isWaiting(service.databaseUrl))

    t.match(await service.write('second'), { status: 503, code: 'FST_NEON_EXHAUSTED', outcome: 'failed' })

    await release()
    t.match(await first, { outcome: 'acknowledged' })
  }
)

scenario(
  t,
  'a client that waits and disconnects takes no connection',
  { neon, limits: { max: 1, statementTimeoutMs: 10_000 } },
  async (t, service) => {
    const release = await holdTable(t, service.databaseUrl)
    const first = service.write('first')
    await until(() => isWaiting(service.databaseUrl))
    const disconnect = new AbortController()
    const second = service.write('second', { signal: disconnect.signal })
    await until(() => service.stats().waiting === 1)
    const { checkouts } = service.stats()

    disconnect.abort()

    t.match(await second, { outcome: 'unknown' })
    await until(() => service.stats().waiting === 0)
    await release()
    t.match(await first, { outcome: 'acknowledged' })
    t.equal(service.stats().checkouts, checkouts)
    t.equal((await service.read('second')).body.items.length, 0)
  }
)

scenario(
  t,
  'a client that is not given back is named with its place',
  { neon, limits: { checkoutWarningMs: 100 } },
  async (t, service) => {
    const client = await service.app.db.$client.connect()
    // A statement of the service itself may take as long on a busy machine.
    const said = () =>
      service.logs.filter(
        ({ msg, place }) => msg === 'database client not given back' && `${place}`.includes('pool.test.ts')
      )

    await until(() => said().length === 1)

    t.match(said(), [{ level: 40 }])
    client.release()
  }
)

scenario(
  t,
  'a client that is given back twice is checked out to one at a time',
  { neon, limits: { max: 2 } },
  async (t, service) => {
    const pool = service.app.db.$client
    const client = await pool.connect()
    client.release()
    client.release()

    const [one, two] = await Promise.all([pool.connect(), pool.connect()])

    t.not(one, two)
    one.release()
    two.release()
  }
)

scenario(
  t,
  'connections that are too old are replaced under load, and nobody notices',
  { neon, limits: { max: 3, maxLifetimeMs: 200 } },
  async (t, service) => {
    const { connects } = service.stats()

    await until(async () => {
      const written = await Promise.all(writers(4).map(user => service.write(user)))
      t.strictSame(
        written.filter(({ outcome }) => outcome !== 'acknowledged'),
        []
      )
      return service.stats().connects >= connects + 6
    })
  }
)

scenario(
  t,
  'a hundred who come at once after an outage are served by as many connections as the pool may have',
  { neon, limits: { max: 4, connectTimeoutMs: 10_000, checkoutTimeoutMs: 10_000 } },
  async (t, service) => {
    await neon.suspend()
    await until(() => service.stats().total === 0)
    const heard: string[] = []
    t.teardown(neon.observe(({ type }) => heard.push(type)))
    const fault = neon.inject({ type: 'upgrade', status: 503 })
    const written = writers(100).map(user => service.write(user))
    await until(() => service.stats().connectRetries > 0)
    t.equal(fault.hits, 1, 'one asks while it lasts')

    fault.remove()

    t.strictSame(
      (await Promise.all(written)).filter(({ outcome }) => outcome !== 'acknowledged'),
      []
    )
    t.ok(heard.filter(type => type === 'login').length <= 4)
  }
)

scenario(
  t,
  'an outage that lasts longer than anybody waits is answered at once, and met by one try at a time',
  { neon, limits: { connectTimeoutMs: 300 } },
  async (t, service) => {
    const fault = neon.inject({ type: 'upgrade', status: 503 })
    await neon.killBackends()
    await until(() => service.stats().total === 0)
    const first = await service.write('first')
    t.match(first, { status: 503, code: 'FST_NEON_UNREACHABLE', outcome: 'failed' })
    t.match(first.headers?.get('retry-after'), /^[123]$/)
    const { hits } = fault

    const refused = await Promise.all(writers(100).map(user => service.write(user)))

    t.strictSame(
      refused.filter(({ code }) => code !== 'FST_NEON_UNREACHABLE'),
      []
    )
    t.ok(fault.hits - hits < 10, `${fault.hits - hits} tries for 100 requests`)
    t.match(await service.send('alice', 'GET', '/readyz'), { status: 200, body: { status: 'degraded' } })
  }
)
