import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { until } from '../../../../../test/support/app.ts'
import metricsPlugin from '../../../src/plugins/metrics/metrics.ts'
import { backend } from '../backend.ts'

const HOST = '127.0.0.1'

function urlOf(server: Server | undefined): string {
  const address = server?.address()
  return `http://${HOST}:${typeof address === 'object' ? address?.port : ''}`
}

const statusOf = async (url: string) => (await fetch(url)).status

async function listening(t: Test) {
  const { app } = await backend(t, { prefix: '/internal', listen: { host: HOST, port: 0 } })
  await app.register(metricsPlugin)
  app.get('/', async () => 'traffic')
  return app
}

t.test('the port of the probes', async t => {
  t.test('answers the probes and /metrics, and nothing else, beside that of the traffic', async t => {
    const app = await listening(t)
    await app.ready()
    t.equal(app.health.server?.listening, false, 'not before the application listens')

    await app.listen({ host: HOST, port: 0 })
    await until(() => app.health.server?.listening === true)
    const probes = urlOf(app.health.server)
    await until(async () => (await statusOf(`${probes}/internal/readyz`)) === 200)

    for (const path of ['/internal/livez', '/internal/startupz?verbose', '/metrics'])
      for (const url of [probes, urlOf(app.server)]) t.equal(await statusOf(`${url}${path}`), 200, path)
    t.equal((await fetch(`${probes}/internal/livez`, { method: 'HEAD' })).status, 200)
    t.equal(await statusOf(`${urlOf(app.server)}/`), 200)
    for (const path of ['/', '/livez', '/internal/livez/', '/metrics/x'])
      t.equal(await statusOf(`${probes}${path}`), 404, path)
  })

  t.test('says that the process stops until its last request has ended, and then closes', async t => {
    const app = await listening(t)
    let finish = () => {}
    app.get('/slow', () => new Promise<string>(resolve => (finish = () => resolve('done'))))
    await app.listen({ host: HOST, port: 0 })
    await until(() => app.health.server?.listening === true)
    const ready = `${urlOf(app.health.server)}/internal/readyz`
    await until(async () => (await statusOf(ready)) === 200)
    const begun = once(app.server, 'request')
    const slow = fetch(`${urlOf(app.server)}/slow`)
    await begun

    const closed = app.close()
    await until(() => !app.server.listening)
    const whileClosing = await statusOf(ready)
    finish()
    await closed

    t.equal(whileClosing, 503)
    t.equal((await slow).status, 200)
    await t.rejects(fetch(ready))
  })

  t.test('is told as any port that is taken', async t => {
    const taken = createServer().listen(0, HOST)
    await once(taken, 'listening')
    t.teardown(() => taken.close())
    const { port } = taken.address() as AddressInfo
    const { app } = await backend(t, { listen: { host: HOST, port } })
    const failed = once(app.health.server as Server, 'error')

    await app.listen({ host: HOST, port: 0 })

    t.match(await failed, [{ code: 'EADDRINUSE' }])
  })
})
