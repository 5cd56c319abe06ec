import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import connectionsPlugin from '../../../src/plugins/http/connections.ts'
import errorHandlerPlugin from '../../../src/plugins/http/error-handler.ts'

async function listen(t: Test, { stallTimeoutMs = 60_000, lingerMs = 0 } = {}) {
  const app = fastify({
    requestTimeout: 60_000,
    keepAliveTimeout: 600_000,
    connectionTimeout: 60_000,
    return503OnClosing: false
  })
  t.teardown(() => app.close())
  await app.register(errorHandlerPlugin)
  await app.register(connectionsPlugin, { stallTimeoutMs, lingerMs })
  app.addHook('onRequest', app.refuseWhenClosing)
  app.post('/', async () => 'done')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  const socket = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return { app, socket }
}

/** Whether by a reset or in peace. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}

t.test('connections plugin', async t => {
  t.test('does not wait at the close for a connection that says nothing', async t => {
    const { app, socket } = await listen(t)
    const closed = closeOf(socket)

    await app.close()

    await closed
  })

  t.test('does not wait at the close for half of a head', async t => {
    const { app, socket } = await listen(t)
    socket.write('POST / HTTP/1.1\r\nHost:')
    const closed = closeOf(socket)

    await app.close()

    await closed
  })

  t.test('gives a request that has begun its time, and no more', async t => {
    const { app, socket } = await listen(t, { stallTimeoutMs: 50 })
    const begun = once(app.server, 'request')
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf')
    await begun
    const closed = closeOf(socket)

    await app.close()

    await closed
  })

  t.test('lets a request that comes to its end be answered', async t => {
    const { app, socket } = await listen(t)
    const begun = once(app.server, 'request')
    socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nhalf'
    )
    await begun

    const closed = app.close()
    socket.write('half')
    const [answer] = await once(socket, 'data')
    await closed

    t.match(String(answer), /^HTTP\/1.1 200/)
  })

  t.test('sends a request that comes while it closes elsewhere, with a problem', async t => {
    const { app, socket } = await listen(t)
    const begun = once(app.server, 'request')
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n'
    socket.write(head)
    await begun

    const closed = app.close()
    socket.write(`half${head}more`)
    const answers = await text(socket)
    await closed

    t.strictSame(
      [...answers.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status),
      ['200', '503']
    )
    t.match(answers, /^retry-after: [123]\r$/m)
    t.match(answers, /^content-type: application\/problem\+json/m)
    t.match(answers, '"code":"APP_CLOSING"')
  })

  t.test('answers who has connected and sent before it closes, also behind others who wait', async t => {
    const { app, socket } = await listen(t, { lingerMs: 100 })
    const { port } = app.server.address() as AddressInfo
    const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
    const kept = once(socket, 'data')
    socket.write(request)
    await kept
    // All of them are in the backlog, since this process has not had a turn to accept one.
    const waiting = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
    for (const one of waiting) one.write(request)
    await Promise.all(waiting.map(one => once(one, 'connect')))

    const closed = app.close()
    const answers = Promise.all([...waiting, socket].map(one => text(one)))
    socket.write(request)
    await closed

    for (const answer of await answers) {
      t.match(answer, /^HTTP\/1.1 503/)
      t.match(answer, /^connection: close\r$/im)
    }
  })
})
