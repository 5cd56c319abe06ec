import { once } from 'node:events'
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { createFaults } from '../../src/faults/registry.ts'
import { createCertificates } from '../../src/proxy/certificates.ts'
import { type Connections, createConnections } from '../../src/proxy/connection.ts'
import { createManualClock } from '../fixtures/manual-clock.ts'
import { until } from '../fixtures/sandbox.ts'
import { connected, untilHeld } from '../fixtures/wired.ts'

t.test('a link', async t => {
  t.test('passes bytes on, and is known by its transport alone', async t => {
    const { open } = track()

    const { link, client } = await open(t)
    client.write('ask')

    t.equal(String((await once(link.stream, 'data'))[0]), 'ask')
    t.strictSame(link.facts, { transport: 'tcp' })
    t.equal(link.isSecure, false)
  })

  t.test('is secure when something is above its connection', async t => {
    const { links } = track()
    const { client, socket: tcp } = await connected(t)
    const { context } = await createCertificates()
    const secureContext = createSecureContext(context('none'))
    const socket = new TLSSocket(tcp, { isServer: true, secureContext })
    connectTls({ socket: client, rejectUnauthorized: false }).on('error', () => {})

    const link = links.open({ tcp, socket, transport: 'ws', host: 'ep-local.localhost' })

    t.teardown(() => link.stream.destroy())
    t.equal(link.isSecure, true)
    t.equal(link.host, 'ep-local.localhost')
  })

  t.test('disconnects with an end', async t => {
    const { open } = track()
    const { link, client } = await open(t)

    link.disconnect(1001)

    await once(client.resume(), 'end')
    t.pass('the client is told')
  })

  t.test('is reset on both sides', async t => {
    const { open } = track()
    const { link, client } = await open(t)

    link.reset()

    await until('both have gone', () => link.stream.destroyed && client.destroyed)
    t.pass('gone')
  })
})

t.test('the network of a link', async t => {
  t.test('is what the faults make of it while they are there', async t => {
    const { open, faults, clock } = track()
    faults.inject({ type: 'latency', toServerMs: 100 })
    const { link, client } = await open(t)
    const asked = once(link.stream, 'data')
    client.write('ask')
    await untilHeld(clock)

    await clock.advance(100)

    t.equal(String((await asked)[0]), 'ask')
  })

  t.test('changes with the faults', async t => {
    const { open, faults, clock } = track()
    const { link, client } = await open(t)
    const hole = faults.inject({ type: 'blackhole', direction: 'both' })
    const asked = once(link.stream, 'data')
    client.write('ask')
    await until('it has come so far', () => link.stream.readableLength === 0 && client.bytesWritten === 3)

    hole.remove()

    t.equal(String((await asked)[0]), 'ask')
    t.equal(clock.sleepers, 0)
  })

  t.test('changes with what becomes known of it', async t => {
    const { open, links, faults, clock } = track()
    const { link, client } = await open(t)
    faults.inject({ type: 'latency', toServerMs: 100, where: { user: 'alex' } })
    client.write('before')
    await once(link.stream, 'data')

    link.facts.user = 'alex'
    links.update(link)
    client.write('after')

    await untilHeld(clock)
    t.equal(clock.sleepers, 1)
  })

  t.test('is not worked out while there is no fault', async t => {
    const { open, links } = track()
    const { link, client } = await open(t)

    links.update(link)
    client.write('ask')

    t.equal(String((await once(link.stream, 'data'))[0]), 'ask')
  })

  t.test('is left alone by faults of other kinds', async t => {
    const { open, faults } = track()
    const { link } = await open(t)

    const injection = faults.inject({ type: 'garble' })

    t.equal(injection.hits, 0)
    t.equal(link.stream.destroyed, false)
  })

  t.test('is forgotten when the link is gone', async t => {
    const { open, faults } = track()
    const { client, socket } = await open(t)
    const closed = once(socket, 'close')
    client.destroy()
    socket.destroy()
    await closed

    const injection = faults.inject({ type: 'latency', toServerMs: 1 })

    t.equal(injection.hits, 0)
  })
})

for (const type of ['reset', 'close'] as const) {
  t.test(`the fault ${type}`, async t => {
    for (const [which, existing, fresh] of [
      [undefined, true, false],
      ['existing', true, false],
      ['new', false, true],
      ['all', true, true]
    ] as const) {
      t.test(`ends the links as told: ${which}`, async t => {
        const { open, faults } = track()
        const old = await open(t)

        const injection = faults.inject({ type, connections: which })
        const young = await open(t)

        const ended = [old, young].filter((_link, at) => [existing, fresh][at])
        await Promise.all(ended.map(({ client }) => endOf(client)))
        t.equal(injection.hits, ended.length)
        t.strictSame(
          [old, young].map(({ link }) => link.stream.writable),
          [!existing, !fresh]
        )
      })
    }

    t.test('ends as many links as it is for', async t => {
      const { open, faults } = track()
      const links = [await open(t), await open(t), await open(t)]

      const injection = faults.inject({ type, after: 1, times: 1 })

      t.equal(injection.hits, 1)
      t.strictSame(
        links.map(({ link }) => link.stream.writable),
        [true, false, true]
      )
    })

    t.test('spares a link that came after it when another fault comes', async t => {
      const { open, faults } = track()
      const injection = faults.inject({ type })
      const { link } = await open(t)

      faults.inject({ type: 'reset', where: { user: 'nobody' } })
      faults.inject({ type: 'close', where: { user: 'nobody' } })

      t.equal(injection.hits, 0)
      t.equal(link.stream.writable, true)
    })
  })
}

t.test('the code of a close', async t => {
  for (const [code, expected] of [
    [4000, 4000],
    [undefined, 1001]
  ] as const) {
    t.test(`is ${expected} for ${code}`, async t => {
      const { open, faults } = track()
      const { link } = await open(t)
      const codes: number[] = []
      link.disconnect = closedWith => codes.push(closedWith)

      faults.inject({ type: 'close', code })

      t.strictSame(codes, [expected])
    })
  }
})

function track() {
  const clock = createManualClock()
  const faults = createFaults(
    () => {},
    added => links.onFaultChange(added)
  )
  const links: Connections = createConnections(faults, clock)
  return { clock, faults, links, open }

  async function open(t: Test) {
    const { client, socket } = await connected(t)
    const link = links.open({ tcp: socket, socket, transport: 'tcp', host: undefined })
    link.stream.on('error', () => {})
    t.teardown(() => link.stream.destroy())
    return { link, client, socket }
  }
}

/** Resolves when the client is told of an end, whichever way. */
async function endOf(client: Awaited<ReturnType<typeof connected>>['client']): Promise<void> {
  client.resume()
  await until('the client is told', () => client.readableEnded || client.destroyed)
}
